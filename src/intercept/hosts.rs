//! Whose traffic is looked into. Everything not named here passes unread, or not at all.

mod neighbours;

use std::net::IpAddr;

use crate::message::Scheme;
use crate::mpsd::Service;
use crate::mpsd::host::asks_for_certificate;

pub use neighbours::{Beyond, Neighbours, Pattern};

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
/// The contract's hosts are, the host of a configured upstream, and those that somebody named. Sign-in hosts and the one
/// that asks for client certificates are in no set by themselves, so they are never decrypted unasked.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    upstream: Option<(String, u16)>,
    neighbours: Neighbours,
    others: Others,
}

impl Hosts {
    /// Hosts besides the contract's: that of the upstream, if one is configured, at its own port, and those that were
    /// named.
    pub fn new(upstream: Option<(&str, u16)>, neighbours: Neighbours, others: Others) -> Self {
        Self { upstream: upstream.map(|(host, port)| (host.to_ascii_lowercase(), port)), neighbours, others }
    }

    /// The same with other neighbours.
    pub(super) fn with(&self, neighbours: Neighbours) -> Self {
        Self { neighbours, ..self.clone() }
    }

    /// What happens to a host at a port. Of the others, only web ports are reached, on this machine as well.
    pub fn verdict(&self, host: &str, port: u16) -> Verdict {
        let is_upstream_port = self.upstream.as_ref().is_some_and(|(_, own)| *own == port);
        let is_safe = is_web(port);
        let is_meant = || match Service::of_host(host) {
            Some(_) => is_safe || is_upstream_port,
            None => (is_upstream_port && self.is_upstream(host)) || (is_safe && self.neighbours.covers(host)),
        };
        match self.service(host) {
            Some(service) if is_meant() => Verdict::Intercept(service),
            _ if is_safe && self.others == Others::Tunnel => Verdict::Tunnel,
            _ => Verdict::Refuse,
        }
    }

    /// The service behind an intercepted host name, whatever its port.
    pub fn service(&self, host: &str) -> Option<Service> {
        if self.is_upstream(host) && Service::of_host(host).is_none() { Some(Service::Mpsd) } else { self.named(host) }
    }

    /// The service a host name alone stands for: one of the contract's, or a neighbour.
    pub fn named(&self, host: &str) -> Option<Service> {
        let named = || if asks_for_certificate(host) { Service::Mpsd } else { Service::Neighbour };
        Service::of_host(host).or_else(|| self.neighbours.covers(host).then(named))
    }

    fn is_upstream(&self, host: &str) -> bool {
        self.upstream.as_ref().is_some_and(|(upstream, _)| upstream.eq_ignore_ascii_case(host))
    }
}

/// True for this machine's own names.
pub fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

/// True for this machine as somebody calls it who came to `here`: by its own name, or by that very address. Any other name
/// may be a web page's, which had it lead here.
pub fn is_own(host: &str, here: IpAddr) -> bool {
    is_loopback(host) || is_address(host, here)
}

/// True for an address, however it is written.
pub fn is_address(host: &str, address: IpAddr) -> bool {
    let named = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    named.is_ok_and(|named| named.to_canonical() == address.to_canonical())
}

/// An authority's host and port; the scheme fills in a missing port. `None` when it is no authority.
///
/// The host is lower-case and has no dot at its end: `a.test.` is the same name, spelt in full.
pub fn split(authority: &str, scheme: Scheme) -> Option<(String, u16)> {
    let parsed: http::uri::Authority = authority.parse().ok()?;
    let default = match scheme {
        Scheme::Http => 80,
        Scheme::Https => 443,
    };
    let named_port = parsed.as_str().rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
    let port = if named_port { parsed.port_u16()? } else { default };
    Some((plain_name(parsed.host()), port)).filter(|(host, _)| !host.is_empty())
}

/// A host name lower-case and without the dot a full name may end in.
pub(super) fn plain_name(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

/// An authority in the form requests carry it: lower-case, without the scheme's own port.
pub fn canonical(authority: &str, scheme: Scheme) -> Option<String> {
    let (host, port) = split(authority, scheme)?;
    match (scheme, port) {
        (Scheme::Http, 80) | (Scheme::Https, 443) => Some(host),
        _ => Some(format!("{host}:{port}")),
    }
}

/// True for the ports that hosts are reached at unless they are the upstream's.
pub(super) fn is_web(port: u16) -> bool {
    [443, 80].contains(&port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nobody() -> Neighbours {
        Neighbours::default()
    }

    #[test]
    fn only_the_contract_and_the_upstream_are_looked_into() {
        let hosts = Hosts::new(Some(("Staging.Test", 8443)), nobody(), Others::Tunnel);
        assert_eq!(hosts.verdict("SessionDirectory.xboxlive.com", 443), Verdict::Intercept(Service::Mpsd));
        assert_eq!(hosts.verdict("rta.xboxlive.com", 8443), Verdict::Intercept(Service::Rta));
        assert_eq!(hosts.verdict("staging.test", 8443), Verdict::Intercept(Service::Mpsd));
        assert_eq!(hosts.verdict("staging.test", 443), Verdict::Tunnel);
        assert_eq!(hosts.verdict("sessiondirectory.xboxlive.com", 25), Verdict::Refuse);
        let named = Neighbours::hosts(["social.xboxlive.com".to_owned()]);
        let hosts = Hosts::new(Some(("staging.test", 8443)), named, Others::Tunnel);
        assert_eq!(hosts.verdict("social.xboxlive.com", 8443), Verdict::Refuse);
        for host in ["user.auth.xboxlive.com", "login.live.com", "client-sessiondirectory.xboxlive.com", "example.com"]
        {
            assert_eq!(hosts.verdict(host, 443), Verdict::Tunnel, "{host}");
            assert_eq!(Hosts::new(None, nobody(), Others::Refuse).verdict(host, 443), Verdict::Refuse, "{host}");
        }
    }

    #[test]
    fn a_neighbour_is_looked_into_once_it_is_named() {
        let named = ["social.xboxlive.com", "*.example.com", "client-sessiondirectory.xboxlive.com"];
        let named = named.map(|pattern| pattern.parse::<Pattern>().unwrap()).into_iter().collect();
        let hosts = Hosts::new(None, named, Others::Refuse);
        assert_eq!(hosts.verdict("Social.xboxlive.com", 443), Verdict::Intercept(Service::Neighbour));
        assert_eq!(hosts.verdict("social.xboxlive.com", 8443), Verdict::Refuse);
        assert_eq!(hosts.verdict("privacy.xboxlive.com", 443), Verdict::Refuse);
        assert_eq!(hosts.verdict("api.example.com", 80), Verdict::Intercept(Service::Neighbour));
        let certified = "client-sessiondirectory.xboxlive.com";
        assert_eq!(hosts.verdict(certified, 443), Verdict::Intercept(Service::Mpsd));
        let all = Neighbours::from_iter(["*.xboxlive.com".parse::<Pattern>().unwrap()]);
        for host in [certified, "user.auth.xboxlive.com"] {
            assert_eq!(Hosts::new(None, all.clone(), Others::Tunnel).verdict(host, 443), Verdict::Tunnel, "{host}");
        }
    }

    #[test]
    fn other_ports_are_not_reached() {
        let hosts = Hosts::default();
        assert_eq!(hosts.verdict("example.com", 80), Verdict::Tunnel);
        assert_eq!(hosts.verdict("example.com", 25), Verdict::Refuse);
        for host in ["127.0.0.1", "[::1]", "localhost"] {
            assert_eq!(hosts.verdict(host, 22), Verdict::Refuse, "{host}");
            let upstream = Hosts::new(Some((host, 9000)), nobody(), Others::Tunnel);
            assert_eq!(upstream.verdict(host, 9000), Verdict::Intercept(Service::Mpsd), "{host}");
            assert_eq!(upstream.verdict(host, 9001), Verdict::Refuse, "{host}");
        }
    }

    #[test]
    fn this_machine_is_called_by_name_or_by_the_address_one_came_to() {
        let here = "10.0.0.1".parse().unwrap();
        for own in ["localhost", "127.0.0.1", "[::1]", "10.0.0.1", "[::ffff:10.0.0.1]"] {
            assert!(is_own(own, here), "{own}");
        }
        for foreign in ["10.0.0.2", "deck.lan", "localhost.test", "10.0.0.1.test", "[fd00::1]", ""] {
            assert!(!is_own(foreign, here), "{foreign}");
        }
    }

    #[test]
    fn authorities_have_one_spelling() {
        assert_eq!(canonical("A.Test:443", Scheme::Https).as_deref(), Some("a.test"));
        assert_eq!(canonical("a.test:443", Scheme::Http).as_deref(), Some("a.test:443"));
        assert_eq!(canonical("A.Test.:443", Scheme::Https).as_deref(), Some("a.test"));
        assert_eq!(split("[::1]", Scheme::Https), Some(("[::1]".into(), 443)));
        assert_eq!(split("[::1]:80", Scheme::Https), Some(("[::1]".into(), 80)));
        for bad in ["", ".", "a b", "a:99999", "a:", ":443", "/x"] {
            assert_eq!(split(bad, Scheme::Https), None, "{bad}");
        }
    }
}
