//! One integration binary: every test here goes through real sockets, files or the real binary.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test is a panic")]

mod architecture;
mod canaries;
mod cassette;
mod check;
mod command;
mod control;
mod devkit;
mod drift;
mod durable;
mod emulate;
mod examples;
mod explain;
mod fidelity;
mod har;
mod hostile;
mod hosts;
mod intercept;
mod judged;
mod lanes;
mod learn;
mod line_ends;
mod long;
mod manual;
mod mutation;
mod openapi;
mod parts;
mod playback;
mod project;
#[cfg(feature = "real-clients")]
mod real;
mod rules;
#[cfg(unix)]
mod run;
mod scenarios;
mod sockets;
mod support;
mod tempo;
mod testing;
mod threads;
mod trust;
mod ways;
