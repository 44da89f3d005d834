//! Addresses as recorders write them.

use std::net::IpAddr;

use crate::message::Scheme;

/// An address taken apart.
pub(super) struct Url {
    pub(super) scheme: Scheme,
    /// Host and, unless it is the scheme's own, port; lower-case.
    pub(super) authority: String,
    /// The host alone, without brackets.
    pub(super) host: String,
    /// Path and query.
    pub(super) target: String,
}

impl Url {
    /// `None` for an address that is not the web's, or names no host.
    pub(super) fn split(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let (scheme, own_port) = match scheme.to_ascii_lowercase().as_str() {
            "http" | "ws" => (Scheme::Http, ":80"),
            "https" | "wss" => (Scheme::Https, ":443"),
            _ => return None,
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let authority = authority.rsplit('@').next().unwrap_or_default().to_ascii_lowercase();
        let authority = authority.strip_suffix(own_port).unwrap_or(&authority);
        let host = match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => authority,
        };
        let host = host.strip_suffix('.').unwrap_or(host).trim_matches(['[', ']']);
        let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        (!host.is_empty()).then(|| Self { scheme, authority: authority.to_owned(), host: host.to_owned(), target })
    }

    /// True for hosts that are no names of anything: something stands there in place of the service.
    pub(super) fn is_nameless(&self) -> bool {
        self.host == "localhost" || self.host.parse::<IpAddr>().is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_apart() {
        for (url, authority, host, target) in [
            ("https://A.Test:443/b?c=d#e", "a.test", "a.test", "/b?c=d"),
            ("wss://rta.test./connect", "rta.test.", "rta.test", "/connect"),
            ("http://u:p@10.0.0.1:8888", "10.0.0.1:8888", "10.0.0.1", "/"),
            ("HTTP://[::1]:80?x", "[::1]", "::1", "/?x"),
        ] {
            let split = Url::split(url).unwrap();
            assert_eq!(
                (split.authority.as_str(), split.host.as_str(), split.target.as_str()),
                (authority, host, target)
            );
        }
        for url in ["", "a.test/b", "data:text/plain,x", "https://", "https:///a", "chrome-extension://a/b"] {
            assert!(Url::split(url).is_none(), "{url}");
        }
    }
}
