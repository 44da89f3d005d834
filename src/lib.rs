//! A tape deck for MPSD, the Xbox Live Multiplayer Session Directory. This page is the map of the code.
//!
//! # One request, once through
//!
//! ```text
//! socket → intercept (first bytes, TLS, hyper) → Call
//!        → engine: redact → check → source.answer → redact → journal (order, write, ack) → reply
//! after the reply, off the client's path: the answer is checked, findings are logged and counted
//! ```
//!
//! The request is read once, decoded once and resolved to an operation once. What can answer is a closed
//! [`engine::Source`]: the service, a cassette, or the emulator. Bytes are forwarded as they came; JSON is a view.
//!
//! A WebSocket is opened by such a request (answer 101) and goes on from there: each message is recorded before its
//! last frame is passed on. With the service behind it, every byte is relayed; a cassette and the emulator are handed
//! whole messages and are asked for the next one. A cassette's messages go out when their [`cassette::Cue`] was
//! played, the emulator's when the answer that caused them is on record; no clock is asked.
//!
//! # The modules, in order
//!
//! A module uses only modules above it; a test holds this order, and that everything from `clock` to above `upstream`
//! knows no sockets, no clock and (but for `cassette`) no files.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`platform`] | what operating systems do differently: files, signals, consoles |
//! | [`clock`], [`dice`] | time and draws as values |
//! | [`json`] | one scanner: values with their byte spans |
//! | [`message`] | requests and responses as bytes |
//! | [`socket`] | WebSocket messages and the frames they travel in |
//! | [`mpsd`] | operations, names, and what MPSD's documents are made of |
//! | [`exchange`] | a call, its answer, and whose it is |
//! | [`slot`] | spans that hold an alias or a bound value; the walk that finds them |
//! | [`redact`] | what becomes an alias before anything is kept |
//! | [`contract`] | the documented contract as data, and what one exchange breaks of it |
//! | [`cassette`] | journal and sealed file |
//! | [`conduct`] | the one judge of live traffic and of every file |
//! | [`report`] | findings as people and programs read them |
//! | [`archive`] | recordings of other tools: HAR |
//! | [`drift`] | what changed between two recordings |
//! | [`replay`] | answers from a cassette |
//! | [`emulator`] | an MPSD in memory |
//! | [`upstream`] | the service behind pooled connections; every limit |
//! | [`engine`] | the whole way of a request; the journal's owner |
//! | [`intercept`] | listeners, certificates, hosts, tunnels |
//! | [`admin`] | the control port: replay sessions, the emulator's clock and state |
//! | [`client`] | a small HTTP client that comes in by every way a game does |
//! | [`devkit`] | the Device Portal of a development kit |
//! | [`testing`] | replays for Rust tests |
//! | [`config`] | `tapdeck.toml` |
//! | [`cli`] | the command line and the demo |
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test is a panic"))]

pub mod platform;

pub mod clock;
pub mod dice;
pub mod json;
pub mod message;
pub mod socket;

pub mod mpsd;

pub mod exchange;

pub mod slot;

pub mod redact;

pub mod contract;

pub mod cassette;

pub mod conduct;

pub mod report;

pub mod archive;

pub mod drift;

pub mod replay;

pub mod emulator;

pub mod upstream;

pub mod engine;

pub mod intercept;

pub mod admin;

pub mod client;

pub mod devkit;

pub mod testing;

pub mod config;

pub mod cli;
