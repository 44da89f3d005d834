//! Every deadline and every size, in one place: no wait without an end, no buffer without a cap.

use std::time::Duration;

/// What tapdeck grants a peer before it gives up on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From accepting a connection (or opening a tunnel) to its first bytes.
    pub first_bytes: Duration,
    /// A client's TLS handshake.
    pub tls: Duration,
    /// One HTTP/1 request head. hyper starts this clock as soon as the answer before is out,
    /// so it is also how long an HTTP/1 connection is kept alive without a request.
    pub request_head: Duration,
    /// One request body on an intercepted host.
    pub request_body: Duration,
    /// Reaching the upstream: name, TCP, a proxy's consent, TLS.
    pub connect: Duration,
    /// One upstream answer: whole where bodies are read whole, up to its head on neighbours and other hosts. A body that is
    /// passed on as it comes is sent first.
    pub answer: Duration,
    /// What a neighbour's answer gets to come whole; a slower one is passed on as it comes.
    pub gather: Duration,
    /// A connection or tunnel on which no byte moves in either direction.
    pub idle: Duration,
    /// What one end of a socket gets to end as well, once the other has.
    pub closing: Duration,
    /// What running exchanges get to end once the first stop signal came.
    pub drain: Duration,
    /// One message head, either leg. HTTP/1 refuses anything below 8 KiB here.
    pub head_bytes: usize,
    /// Header lines of one HTTP/1 message, either leg.
    pub header_lines: usize,
    /// One body on an intercepted host, either direction, as it travels and decoded.
    pub body: usize,
    /// One WebSocket message that is kept whole; a longer one passes and leaves its digest.
    pub message: usize,
    /// Request bodies and large messages on intercepted hosts, all together; further ones wait until there is room for them.
    pub buffered: usize,
    /// Client connections at once; further ones wait in the listen queue.
    pub connections: usize,
    /// HTTP/2 streams at once on one connection.
    pub streams: u32,
}

impl Limits {
    /// The head cap as HTTP/2 counts it.
    pub fn header_list(&self) -> u32 {
        u32::try_from(self.head_bytes).unwrap_or(u32::MAX)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            first_bytes: Duration::from_secs(30),
            tls: Duration::from_secs(10),
            request_head: Duration::from_secs(30),
            request_body: Duration::from_secs(60),
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(100),
            gather: Duration::from_secs(10),
            idle: Duration::from_secs(10 * 60),
            closing: Duration::from_secs(5),
            drain: Duration::from_secs(10),
            head_bytes: 256 * 1024,
            header_lines: 256,
            body: 8 * 1024 * 1024,
            message: 32 * 1024 * 1024,
            buffered: 512 * 1024 * 1024,
            connections: 4096,
            streams: 128,
        }
    }
}
