//! Recordings other tools made, as material for the one judge.
//!
//! A file is what its first bytes say it is, whatever its name. It is read once, from front to end, in bounded memory.

pub mod har;
mod sniff;

pub use sniff::{Format, sniff};
