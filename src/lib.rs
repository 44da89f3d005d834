//! tapdeck: a tape deck for MPSD, the Xbox Live Multiplayer Session Directory.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test is a panic"))]

pub mod clock;
pub mod dice;
pub mod json;
pub mod message;

pub mod mpsd;

pub mod exchange;

pub mod slot;

pub mod redact;

pub mod contract;

pub mod cassette;

pub mod report;

pub mod replay;

pub mod emulator;

pub mod upstream;

pub mod engine;

pub mod intercept;

pub mod client;

pub mod cli;
