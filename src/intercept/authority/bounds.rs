//! Which hosts an authority may vouch for: read from its certificate, as clients read it.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use rcgen::{CidrSubnet, GeneralSubtree};
use rustls::pki_types::DnsName;
use x509_parser::extensions::{GeneralName, NameConstraints};

/// The hosts an authority's certificate lets it vouch for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    permitted: Vec<Limit>,
    excluded: Vec<Limit>,
}

/// A host name with all below it, or a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Limit {
    /// A name, lower-case; with a dot in front, it is only what lies below it.
    Name(String),
    /// Addresses that begin alike.
    Network {
        /// One of them, as 4 or 16 bytes.
        address: Vec<u8>,
        /// The bits that are alike.
        mask: Vec<u8>,
    },
}

impl Bounds {
    /// What a certificate says; one without constraints rules nothing out.
    pub(super) fn of(constraints: &NameConstraints<'_>) -> Self {
        let read = |trees: &Option<Vec<x509_parser::extensions::GeneralSubtree<'_>>>| {
            trees.iter().flatten().filter_map(|tree| Limit::of(&tree.base)).collect()
        };
        Self { permitted: read(&constraints.permitted_subtrees), excluded: read(&constraints.excluded_subtrees) }
    }

    /// True for a host (a name or an address, no port) that it may vouch for.
    pub fn covers(&self, host: &str) -> bool {
        let address = host.parse::<IpAddr>().ok();
        let host = host.to_ascii_lowercase();
        // Limits of one kind say nothing about hosts of the other.
        let mut alike = self.permitted.iter().filter(|limit| limit.is_of_name() == address.is_none()).peekable();
        let is_permitted = alike.peek().is_none() || alike.any(|limit| limit.holds(&host, address));
        let is_host = address.is_some() || DnsName::try_from(host.as_str()).is_ok();
        is_host && is_permitted && !self.excluded.iter().any(|limit| limit.holds(&host, address))
    }

    /// What it may vouch for that no one owns: each of these covers hosts of everybody.
    pub fn everybodys(&self) -> impl Iterator<Item = &Limit> {
        self.permitted.iter().filter(|limit| limit.is_everybodys())
    }

    /// What it is limited to, but for those.
    pub(super) fn beside(&self, usual: &[Limit]) -> Vec<&Limit> {
        self.permitted.iter().filter(|limit| !usual.contains(limit)).collect()
    }
}

impl Limit {
    fn of(name: &GeneralName<'_>) -> Option<Self> {
        match name {
            GeneralName::DNSName(name) => Some(Self::Name(name.to_ascii_lowercase())),
            GeneralName::IPAddress(bytes) if matches!(bytes.len(), 8 | 32) => {
                let (address, mask) = bytes.split_at(bytes.len() / 2);
                Some(Self::Network { address: address.to_vec(), mask: mask.to_vec() })
            }
            _ => None,
        }
    }

    /// True for names, false for addresses.
    pub fn is_of_name(&self) -> bool {
        matches!(self, Self::Name(_))
    }

    fn holds(&self, host: &str, address: Option<IpAddr>) -> bool {
        match (self, address) {
            (Self::Name(limit), None) => match limit.strip_prefix('.') {
                Some(parent) => host.strip_suffix(parent).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
                None => {
                    limit.is_empty()
                        || host.strip_suffix(limit).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
                }
            },
            (Self::Network { address, mask }, Some(host)) => {
                let host = bytes(host);
                host.len() == address.len() && (0..host.len()).all(|at| host[at] & mask[at] == address[at] & mask[at])
            }
            _ => false,
        }
    }

    /// True for a last label such as `com`, for what countries have in its place such as `co.uk`, and for networks larger
    /// than any that is given to one owner. Names of no more than one label that mean this machine or its network are
    /// nobody else's.
    fn is_everybodys(&self) -> bool {
        match self {
            Self::Name(name) => {
                let labels: Vec<&str> = name.trim_start_matches('.').split('.').collect();
                match labels.as_slice() {
                    [last] => !LOCAL.contains(last),
                    [kind, country] => country.len() == 2 && KINDS.contains(kind),
                    _ => false,
                }
            }
            Self::Network { mask, .. } => mask.first().is_none_or(|byte| byte.count_ones() < 7),
        }
    }

    /// A network by an address and how many of its bits count.
    pub(super) fn network(address: IpAddr, bits: u8) -> Self {
        let mut mask = bytes(address);
        for (at, byte) in mask.iter_mut().enumerate() {
            let left = usize::from(bits).saturating_sub(8 * at).min(8);
            *byte = u8::try_from(0xff00_u32 >> left & 0xff).unwrap_or(0);
        }
        let address = bytes(address).iter().zip(&mask).map(|(byte, mask)| byte & mask).collect();
        Self::Network { address, mask }
    }

    /// The same as it is written into a certificate.
    pub(super) fn subtree(&self) -> GeneralSubtree {
        let Self::Network { address, mask } = self else { return GeneralSubtree::DnsName(self.to_string()) };
        let v4 = || Some((address.as_slice().try_into().ok()?, mask.as_slice().try_into().ok()?));
        let v6 = || Some((address.as_slice().try_into().ok()?, mask.as_slice().try_into().ok()?));
        match (v4(), v6()) {
            (Some((address, mask)), _) => GeneralSubtree::IpAddress(CidrSubnet::V4(address, mask)),
            (_, Some((address, mask))) => GeneralSubtree::IpAddress(CidrSubnet::V6(address, mask)),
            // No address has another length.
            _ => GeneralSubtree::DnsName(self.to_string()),
        }
    }
}

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || "write a host name such as api.example.com, an address, or a network such as 10.0.0.0/8".to_owned();
        let (host, bits) = match text.split_once('/') {
            Some((host, bits)) => (host, Some(bits.parse::<u8>().map_err(|_| wrong())?)),
            None => (text, None),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = host.parse::<IpAddr>() {
            let most = if address.is_ipv4() { 32 } else { 128 };
            let bits = bits.unwrap_or(most);
            return if bits <= most { Ok(Self::network(address, bits)) } else { Err(wrong()) };
        }
        let name = host.strip_prefix("*.").unwrap_or(host).trim_end_matches('.').to_ascii_lowercase();
        match (bits, DnsName::try_from(name.as_str())) {
            (None, Ok(_)) => Ok(Self::Name(name)),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Network { address, mask } => {
                let bits: u32 = mask.iter().map(|byte| byte.count_ones()).sum();
                match address_of(address) {
                    Some(address) if bits as usize == mask.len() * 8 => write!(f, "{address}"),
                    Some(address) => write!(f, "{address}/{bits}"),
                    None => f.write_str("no address"),
                }
            }
        }
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listed = |limits: &[Limit]| limits.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        match self.permitted.as_slice() {
            [] => f.write_str("any host")?,
            permitted => {
                f.write_str(&listed(permitted))?;
                if !permitted.iter().any(Limit::is_of_name) {
                    f.write_str(", any name")?;
                }
                if permitted.iter().all(Limit::is_of_name) {
                    f.write_str(", any address")?;
                }
            }
        }
        if self.excluded.is_empty() { Ok(()) } else { write!(f, "; but not {}", listed(&self.excluded)) }
    }
}

fn bytes(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

fn address_of(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

/// Names with nothing behind them in the world's DNS.
const LOCAL: [&str; 8] = ["localhost", "local", "internal", "lan", "home", "test", "example", "invalid"];
/// What countries sort their names by.
const KINDS: [&str; 13] = ["ac", "co", "com", "edu", "gob", "gov", "go", "mil", "ne", "net", "or", "org", "nom"];

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(permitted: &[&str], excluded: &[&str]) -> Bounds {
        let limits = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        Bounds { permitted: limits(permitted), excluded: limits(excluded) }
    }

    #[test]
    fn a_limit_holds_for_what_lies_within() {
        let bounds = bounds(&["*.Example.com", "10.1.2.3/8", "fe80::/10"], &["secret.example.com", "10.9.0.0/16"]);
        for host in ["example.com", "API.example.com", "10.255.0.1", "fe80::7"] {
            assert!(bounds.covers(host), "{host}");
        }
        for host in
            ["evilexample.com", "com", "a.secret.example.com", "10.9.1.1", "11.0.0.1", "::1", "", "a b", "a..com"]
        {
            assert!(!bounds.covers(host), "{host}");
        }
        assert_eq!(bounds.to_string(), "example.com, 10.0.0.0/8, fe80::/10; but not secret.example.com, 10.9.0.0/16");
    }

    #[test]
    fn limits_of_one_kind_leave_the_other_alone() {
        let names = bounds(&["example.com"], &[]);
        assert!(names.covers("10.0.0.1") && !names.covers("example.org"));
        assert_eq!(names.to_string(), "example.com, any address");
        assert!(Bounds::default().covers("example.org") && Bounds::default().covers("::1"));
        let below = Bounds { permitted: vec![Limit::Name(".example.com".into())], excluded: Vec::new() };
        assert!(below.covers("a.example.com") && !below.covers("example.com"));
    }

    #[test]
    fn what_belongs_to_everybody_is_told() {
        let everybodys = |text: &str| bounds(&[text], &[]).everybodys().count() == 1;
        for text in ["com", "*.com", "studio", "co.uk", "com.au", "0.0.0.0/0", "8.0.0.0/6", "::/0", "2000::/3"] {
            assert!(everybodys(text), "{text}");
        }
        for text in [
            "localhost",
            "test",
            "xboxlive.com",
            "co.com",
            "example.co.uk",
            "10.0.0.0/8",
            "127.0.0.1",
            "fd00::/8",
            "::1",
        ] {
            assert!(!everybodys(text), "{text}");
        }
    }

    #[test]
    fn what_is_no_host_is_no_limit() {
        for text in [
            "",
            "*",
            "*.",
            "http://example.com",
            "example.com:443",
            "10.0.0.0/33",
            "example.com/8",
            "a b",
            "10.0.0.0/x",
        ] {
            assert!(text.parse::<Limit>().is_err(), "{text}");
        }
        for (text, shown) in [("10.0.0.5", "10.0.0.5"), ("[::1]", "::1"), ("0.0.0.0/0", "0.0.0.0/0"), ("A.b.", "a.b")] {
            assert_eq!(text.parse::<Limit>().unwrap().to_string(), shown);
        }
    }
}
