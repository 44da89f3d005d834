//! The network this machine is in, as far as it can be guessed without asking anybody.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use crate::intercept::Network;

/// The network that reaches an address of ours; for every address, that of the usual one.
pub(super) fn around(listening: IpAddr) -> Network {
    let address = if listening.is_unspecified() { usual(listening) } else { Some(listening) };
    Network::around(address.unwrap_or(LIKELY))
}

/// Where clients of these networks find a listener of ours. One on every address is found at the one that faces them,
/// or at the usual one; only if this machine is in no network, at none in particular.
pub(in crate::cli) fn as_clients_see(listening: SocketAddr, clients: &[Network]) -> Vec<SocketAddr> {
    if !listening.ip().is_unspecified() {
        return vec![listening];
    }
    let is_heard = |ip: &IpAddr| ip.is_ipv4() || listening.is_ipv6();
    let mut faces: Vec<IpAddr> = Vec::new();
    for ip in clients.iter().map(Network::first).filter(is_heard).filter_map(facing) {
        if !faces.contains(&ip) {
            faces.push(ip);
        }
    }
    if faces.is_empty() {
        faces.push(usual(listening.ip()).unwrap_or_else(|| listening.ip()));
    }
    faces.into_iter().map(|ip| SocketAddr::new(ip, listening.port())).collect()
}

/// Where this machine itself calls a listener of ours: one on every address at loopback.
pub(in crate::cli) fn as_we_call(listening: SocketAddr) -> SocketAddr {
    let ip = match listening.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listening.port())
}

/// The address from which this machine would call the outside.
fn usual(family: IpAddr) -> Option<IpAddr> {
    let (v4, v6) = (|| facing(OUTSIDE_V4.into()), || facing(OUTSIDE_V6.into()));
    // Who listens on every address of IPv6 listens on those of IPv4 as well.
    if family.is_ipv4() { v4() } else { v4().or_else(v6) }
}

/// The address from which this machine would call another. Nothing is sent to find out.
fn facing(far: IpAddr) -> Option<IpAddr> {
    let local: IpAddr = if far.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind(SocketAddr::new(local, 0)).ok()?;
    socket.connect(SocketAddr::new(far, 9)).ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
}

/// Addresses of the documentation (RFC 5737, RFC 3849): nobody's, and nobody near.
const OUTSIDE_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const OUTSIDE_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
/// What home routers give out, where this machine is in no network.
const LIKELY: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 1, 0));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_listener_on_every_address_is_found_elsewhere() {
        let one: SocketAddr = "10.0.0.1:8888".parse().unwrap();
        assert_eq!(as_clients_see(one, &[]), [one]);
        let all = as_clients_see("0.0.0.0:8888".parse().unwrap(), &["127.0.0.0/8".parse().unwrap()]);
        assert!(all.len() == 1 && all[0].port() == 8888 && !all[0].ip().is_loopback(), "{all:?}");
    }

    #[test]
    fn a_listener_on_every_address_is_called_at_loopback() {
        for (listening, called) in [
            ("0.0.0.0:8888", "127.0.0.1:8888"),
            ("[::]:8888", "[::1]:8888"),
            ("10.0.0.1:8888", "10.0.0.1:8888"),
            ("[fd00::1]:8888", "[fd00::1]:8888"),
        ] {
            assert_eq!(as_we_call(listening.parse().unwrap()).to_string(), called);
        }
    }
}
