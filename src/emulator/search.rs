//! Session browse: what a search handle says about its session, and the filters and orders that find it
//! (mpsd-behaviour §2.4).

mod attributes;
mod filter;
mod lex;
mod order;
mod parse;
mod path;
mod subject;

use thiserror::Error;

use super::refusal::Refusal;

pub(super) use attributes::attributes;
pub(super) use filter::Filter;
pub(super) use order::Order;
pub(super) use subject::Subject;

/// Where a filter stops making sense, and what should stand there.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("at byte {at}, {fault}")]
struct Fault {
    at: usize,
    fault: &'static str,
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::Invalid(format!("The filter is not valid: {fault}."))
    }
}

#[cfg(test)]
mod tests;
