//! The network this machine is in, as far as it can be guessed without asking anybody.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use crate::intercept::Network;

/// The network that reaches an address of ours; for every address, that of the usual one.
pub(super) fn around(listening: IpAddr) -> Network {
    let address = if listening.is_unspecified() { usual(listening) } else { Some(listening) };
    Network::around(address.unwrap_or(LIKELY))
}

/// Where clients find a listener of ours: one on every address is found at the usual one.
pub(in crate::cli) fn as_clients_see(listening: SocketAddr) -> SocketAddr {
    let is_everywhere = listening.ip().is_unspecified();
    let ip = Some(listening.ip()).filter(|_| is_everywhere).and_then(usual).unwrap_or_else(|| listening.ip());
    SocketAddr::new(ip, listening.port())
}

/// The address from which this machine would call the outside. Nothing is sent to find out.
fn usual(family: IpAddr) -> Option<IpAddr> {
    let from = |local: IpAddr, far: IpAddr| {
        let socket = UdpSocket::bind(SocketAddr::new(local, 0)).ok()?;
        socket.connect(SocketAddr::new(far, 9)).ok()?;
        Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
    };
    let v4 = || from(Ipv4Addr::UNSPECIFIED.into(), OUTSIDE_V4.into());
    let v6 = || from(Ipv6Addr::UNSPECIFIED.into(), OUTSIDE_V6.into());
    // Who listens on every address of IPv6 listens on those of IPv4 as well.
    if family.is_ipv4() { v4() } else { v4().or_else(v6) }
}

/// Addresses of the documentation (RFC 5737, RFC 3849): nobody's, and nobody near.
const OUTSIDE_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const OUTSIDE_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
/// What home routers give out, where this machine is in no network.
const LIKELY: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 1, 0));
