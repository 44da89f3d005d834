//! Whose traffic is looked into. Everything not named here passes unread, or not at all.

use std::net::IpAddr;

use crate::message::Scheme;
use crate::mpsd::Service;

/// What happens to hosts that are not intercepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Others {
    /// They pass through untouched.
    #[default]
    Tunnel,
    /// They are refused.
    Refuse,
}

/// What happens to one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is decrypted and answered by the engine.
    Intercept(Service),
    /// Bytes pass through untouched.
    Tunnel,
    /// No connection is made.
    Refuse,
}

/// Which hosts are intercepted.
///
/// The contract's hosts are, and the host of a configured upstream. Sign-in hosts and the one that asks for
/// client certificates are in neither set, so they are never decrypted.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    upstream: Option<String>,
    others: Others,
}

impl Hosts {
    /// Hosts besides the contract's: that of the upstream, if one is configured (a name or an address, no port).
    pub fn new(upstream: Option<&str>, others: Others) -> Self {
        Self { upstream: upstream.map(str::to_ascii_lowercase), others }
    }

    /// What happens to a host (no port).
    pub fn verdict(&self, host: &str) -> Verdict {
        match self.service(host) {
            Some(service) => Verdict::Intercept(service),
            None if self.others == Others::Refuse => Verdict::Refuse,
            None => Verdict::Tunnel,
        }
    }

    /// What happens to a `CONNECT`: besides the host's own verdict, only web ports leave the machine.
    pub fn connect(&self, host: &str, port: u16) -> Verdict {
        match self.verdict(host) {
            Verdict::Tunnel if !WEB_PORTS.contains(&port) && !is_loopback(host) => Verdict::Refuse,
            verdict => verdict,
        }
    }

    /// The service behind an intercepted host.
    pub fn service(&self, host: &str) -> Option<Service> {
        let host = host.trim_end_matches('.');
        let is_upstream = self.upstream.as_deref().is_some_and(|upstream| upstream.eq_ignore_ascii_case(host));
        Service::of_host(host).or_else(|| is_upstream.then_some(Service::Mpsd))
    }
}

/// True for this machine's own names.
pub fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

/// An authority's host and port; the scheme fills in a missing port. `None` when it is no authority.
pub fn split(authority: &str, scheme: Scheme) -> Option<(String, u16)> {
    let parsed: http::uri::Authority = authority.parse().ok()?;
    let default = match scheme {
        Scheme::Http => 80,
        Scheme::Https => 443,
    };
    let named_port = parsed.as_str().rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
    let port = if named_port { parsed.port_u16()? } else { default };
    Some((parsed.host().to_ascii_lowercase(), port)).filter(|(host, _)| !host.is_empty())
}

/// An authority in the form requests carry it: lower-case, without the scheme's own port.
pub fn canonical(authority: &str, scheme: Scheme) -> Option<String> {
    let (host, port) = split(authority, scheme)?;
    match (scheme, port) {
        (Scheme::Http, 80) | (Scheme::Https, 443) => Some(host),
        _ => Some(format!("{host}:{port}")),
    }
}

const WEB_PORTS: [u16; 2] = [443, 80];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_contract_and_the_upstream_are_looked_into() {
        let hosts = Hosts::new(Some("Staging.Test"), Others::Tunnel);
        assert_eq!(hosts.verdict("SessionDirectory.xboxlive.com"), Verdict::Intercept(Service::Mpsd));
        assert_eq!(hosts.verdict("staging.test"), Verdict::Intercept(Service::Mpsd));
        for host in ["user.auth.xboxlive.com", "login.live.com", "client-sessiondirectory.xboxlive.com", "example.com"]
        {
            assert_eq!(hosts.verdict(host), Verdict::Tunnel, "{host}");
            assert_eq!(Hosts::new(None, Others::Refuse).verdict(host), Verdict::Refuse, "{host}");
        }
    }

    #[test]
    fn other_ports_stay_on_the_machine() {
        let hosts = Hosts::default();
        assert_eq!(hosts.connect("example.com", 443), Verdict::Tunnel);
        assert_eq!(hosts.connect("example.com", 25), Verdict::Refuse);
        assert_eq!(hosts.connect("127.0.0.1", 25), Verdict::Tunnel);
        assert_eq!(hosts.connect("[::1]", 8443), Verdict::Tunnel);
        assert_eq!(hosts.connect("rta.xboxlive.com", 8443), Verdict::Intercept(Service::Rta));
    }

    #[test]
    fn authorities_have_one_spelling() {
        assert_eq!(canonical("A.Test:443", Scheme::Https).as_deref(), Some("a.test"));
        assert_eq!(canonical("a.test:443", Scheme::Http).as_deref(), Some("a.test:443"));
        assert_eq!(split("[::1]", Scheme::Https), Some(("[::1]".into(), 443)));
        assert_eq!(split("[::1]:80", Scheme::Https), Some(("[::1]".into(), 80)));
        for bad in ["", "a b", "a:99999", "a:", ":443", "/x"] {
            assert_eq!(split(bad, Scheme::Https), None, "{bad}");
        }
    }
}
