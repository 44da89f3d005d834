//! Hosts that somebody named to be looked into, besides the contract's.

use std::collections::BTreeSet;
use std::str::FromStr;

use super::super::Authority;
use super::{plain_name, split};
use crate::cassette::Cassette;
use crate::message::Scheme;
use crate::mpsd::Service;
use crate::mpsd::host::{asks_for_certificate, is_sign_in, is_within};

/// Hosts by their names, or by what their names end in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Neighbours(BTreeSet<Pattern>);

/// A host, or all hosts below a domain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pattern {
    /// One host.
    Host(String),
    /// `*.example.com`: every host below, but none that asks to be named itself.
    Below(String),
}

impl Neighbours {
    /// Hosts by lower-case names.
    pub fn hosts(names: impl IntoIterator<Item = String>) -> Self {
        names.into_iter().map(Pattern::Host).collect()
    }

    /// The hosts of a recording that no contract knows: they were looked into then, so they are now. Sign-in never is: a
    /// cassette may come from anyone.
    pub fn of(cassette: &Cassette) -> Self {
        let is_named = |host: &str, service| service == Service::Neighbour || asks_for_certificate(host);
        let records = cassette.exchanges().map(|record| (plain_name(record.request.host()), record.service()));
        Self::hosts(
            records.filter(|(host, service)| is_named(host, *service) && !is_sign_in(host)).map(|(host, _)| host),
        )
    }

    /// Both together.
    #[must_use]
    pub fn and(&self, others: &Self) -> Self {
        self.0.union(&others.0).cloned().collect()
    }

    /// True for a host that was named.
    pub fn covers(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let needs_its_name = is_sign_in(&host) || asks_for_certificate(&host);
        self.0.iter().any(|pattern| match pattern {
            Pattern::Host(name) => *name == host,
            Pattern::Below(domain) => !needs_its_name && host != *domain && is_within(&host, domain),
        })
    }

    /// Each, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Pattern> {
        self.0.iter()
    }

    /// Says which of them an authority may not vouch for.
    ///
    /// # Errors
    /// There are such.
    pub fn within(&self, authority: &Authority) -> Result<(), Beyond> {
        let names = self.0.iter().map(Pattern::name).filter(|name| !authority.covers(name));
        let beyond: BTreeSet<&str> = names.collect();
        if beyond.is_empty() {
            return Ok(());
        }
        let beyond: Vec<&str> = beyond.into_iter().collect();
        Err(Beyond { hosts: beyond.join(", "), command: authority.widened(&beyond) })
    }
}

impl FromIterator<Pattern> for Neighbours {
    fn from_iter<I: IntoIterator<Item = Pattern>>(patterns: I) -> Self {
        Self(patterns.into_iter().collect())
    }
}

impl Pattern {
    /// The host, or the domain all of them are below.
    pub fn name(&self) -> &str {
        match self {
            Self::Host(name) | Self::Below(name) => name,
        }
    }

    /// True when it names one host.
    pub fn is_host(&self) -> bool {
        matches!(self, Self::Host(_))
    }
}

impl FromStr for Pattern {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (text, kind) = match text.strip_prefix("*.") {
            Some(domain) => (domain, Self::Below as fn(String) -> Self),
            None => (text, Self::Host as fn(String) -> Self),
        };
        bare(text).map(kind).ok_or(HOW_TO_NAME)
    }
}

/// A host by itself, as [`split`] gives it.
fn bare(text: &str) -> Option<String> {
    let (host, _) = split(text, Scheme::Https)?;
    (plain_name(text) == host && !host.contains(['*', ',', '@'])).then_some(host)
}

/// Hosts that an authority may not vouch for.
#[derive(Debug, thiserror::Error)]
#[error("the certificate authority may not vouch for {hosts}")]
pub struct Beyond {
    hosts: String,
    command: String,
}

impl Beyond {
    /// What to do about it.
    pub fn advice(&self) -> String {
        format!("`{}` makes one that may; clients must then trust that one", self.command)
    }
}

const HOW_TO_NAME: &str = "write a host without scheme, port and path, like social.xboxlive.com, or *.example.com";

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn named(patterns: &[&str]) -> Neighbours {
        patterns.iter().map(|pattern| pattern.parse::<Pattern>().unwrap()).collect()
    }

    #[test]
    fn a_cassette_cannot_ask_for_sign_in_to_be_looked_into() {
        let text = String::from_utf8(include_bytes!("../../../cassettes/invite.cassette.json").to_vec()).unwrap();
        let hosts = |host: &str| {
            let text = text.replace("sessiondirectory.xboxlive.com", host);
            Neighbours::of(&Cassette::parse(Path::new("a.cassette.json"), text.as_bytes()).unwrap())
        };
        assert_eq!(hosts("social.xboxlive.com"), named(&["social.xboxlive.com"]));
        assert_eq!(hosts("client-sessiondirectory.xboxlive.com"), named(&["client-sessiondirectory.xboxlive.com"]));
        for host in ["user.auth.xboxlive.com", "sisu.xboxlive.com", "sessiondirectory.xboxlive.com", "mpsd.test"] {
            assert_eq!(hosts(host), Neighbours::default(), "{host}");
        }
    }

    #[test]
    fn a_cassette_says_which_foreign_hosts_are_no_stand_ins() {
        let text = String::from_utf8(include_bytes!("../../../cassettes/invite.cassette.json").to_vec()).unwrap();
        let text = text.replace("sessiondirectory.xboxlive.com", "cdn.example.com").replace("session.put", "neighbour");
        let cassette = Cassette::parse(Path::new("a.cassette.json"), text.as_bytes()).unwrap();
        assert_eq!(Neighbours::of(&cassette), named(&["cdn.example.com"]));
    }

    #[test]
    fn a_pattern_covers_what_is_below_and_nothing_that_needs_its_name() {
        let hosts = named(&["*.XboxLive.com", "*.live.com", "Api.Example.com"]);
        for host in ["social.xboxlive.com", "a.b.xboxlive.com", "API.example.com", "onedrive.live.com"] {
            assert!(hosts.covers(host), "{host}");
        }
        for host in [
            "xboxlive.com",
            "evilxboxlive.com",
            "user.auth.xboxlive.com",
            "login.live.com",
            "client-sessiondirectory.xboxlive.com",
            "example.com",
            "x.api.example.com",
        ] {
            assert!(!hosts.covers(host), "{host}");
        }
        assert!(named(&["user.auth.xboxlive.com"]).covers("User.auth.xboxlive.com"));
        assert!(!named(&["auth.xboxlive.com"]).covers("user.auth.xboxlive.com"));
    }

    #[test]
    fn only_names_are_taken() {
        for wrong in ["", "*", "*.", "https://a.test", "a.test:443", "a.test/x", "a b", "*.*.test", "a,b", "x@a.test"] {
            assert!(wrong.parse::<Pattern>().is_err(), "{wrong}");
        }
        for (text, name) in
            [("A.Test.", "a.test"), ("*.a.test", "a.test"), ("127.0.0.1", "127.0.0.1"), ("[::1]", "[::1]")]
        {
            assert_eq!(text.parse::<Pattern>().unwrap().name(), name);
        }
    }
}
