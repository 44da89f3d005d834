//! The demo, and the small client it shares with the integration tests.

pub mod client;
