//! Findings as people and programs read them. (Being written.)
#![allow(missing_docs, reason = "being written")]
use crate::contract::{Contract, Finding, Rule};

#[derive(Clone, Copy, Debug)]
pub enum Colour {
    Always,
    Never,
}
#[derive(Clone, Copy, Debug)]
pub enum Format {
    Text(Colour),
    Json,
}
#[derive(Debug)]
pub struct Located {
    pub finding: Finding,
}
pub fn check(_: &Contract, _: &crate::cassette::Cassette, _: &str) -> Vec<Located> {
    Vec::new()
}
pub fn render(_: &[Located], _: usize, _: Format) -> String {
    String::new()
}
pub fn rules_list() -> String {
    String::new()
}
pub fn rule_page(_: &Rule) -> String {
    String::new()
}
