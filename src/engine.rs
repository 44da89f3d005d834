//! The engine: what happens to a call between its arrival and its answer.

pub mod journal;
