//! Where a kit is, and where its proxy is: as people write and paste it.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use rustls::pki_types::ServerName;
use serde::{Deserialize, Serialize};

use super::PortalError;
use crate::contract::quoted;

/// A kit's Device Portal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    host: String,
    port: u16,
}

impl Address {
    /// The name or address alone, an IPv6 address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Every address the kit's name has.
    ///
    /// # Errors
    /// The name is not known.
    pub async fn resolve(&self) -> Result<Vec<SocketAddr>, PortalError> {
        let unknown = |source| PortalError::Name { host: self.host.clone(), source };
        let found: Vec<SocketAddr> =
            tokio::net::lookup_host((self.host.as_str(), self.port)).await.map_err(unknown)?.collect();
        if found.is_empty() {
            return Err(unknown(std::io::ErrorKind::NotFound.into()));
        }
        Ok(found)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_at(f, &self.host, self.port)
    }
}

impl FromStr for Address {
    type Err = String;

    /// Takes what a browser's address line has, too: `https://10.0.0.5:11443/#Network`.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let rest = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => rest,
            Some(_) => return Err("a kit's portal is reached by https only: write HOST or HOST:PORT".into()),
            None => text,
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.contains('@') {
            return Err("no user goes into the address: give --user".into());
        }
        let (host, port) = split(authority)?;
        Ok(Self { host, port: port.unwrap_or(PORTAL_PORT) })
    }
}

/// The proxy a kit is to use: what `proxyAddress` and `proxyPort` say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxyAt {
    /// A name or an address, an IPv6 address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl ProxyAt {
    /// The address, when it is one and no name.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

impl fmt::Display for ProxyAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_at(f, &self.host, self.port)
    }
}

impl FromStr for ProxyAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match split(text.trim())? {
            (host, Some(port)) if port > 0 => Ok(Self { host, port }),
            _ => Err("write the address and the port, like 10.0.0.2:8888".into()),
        }
    }
}

fn write_at(f: &mut fmt::Formatter<'_>, host: &str, port: u16) -> fmt::Result {
    if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
}

fn split(authority: &str) -> Result<(String, Option<u16>), String> {
    if let Ok(address) = authority.parse::<Ipv6Addr>() {
        return Ok((address.to_string(), None));
    }
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) => {
            let address: Ipv6Addr = host.parse().map_err(|_| format!("{} is no IPv6 address", quoted(host)))?;
            let port = if port.is_empty() { None } else { Some(port.strip_prefix(':').unwrap_or(port)) };
            (address.to_string(), port)
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (named(host)?, Some(port)),
            None => (named(authority)?, None),
        },
    };
    let port = port.map(|port| port.parse::<u16>().map_err(|_| format!("{} is no port", quoted(port)))).transpose()?;
    Ok((host, port))
}

fn named(host: &str) -> Result<String, String> {
    let host = host.to_ascii_lowercase();
    let is_numeric = host.rsplit('.').next().is_some_and(|label| label.bytes().all(|byte| byte.is_ascii_digit()));
    if is_numeric && host.parse::<IpAddr>().is_err() || ServerName::try_from(host.as_str()).is_err() {
        return Err(format!("{} is no host: write an address or a name, like 10.0.0.5", quoted(&host)));
    }
    Ok(host)
}

/// Where the portal of an Xbox listens.
const PORTAL_PORT: u16 = 11443;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_paste_is_understood() {
        for (text, shown) in [
            ("10.0.0.5", "10.0.0.5:11443"),
            (" 10.0.0.5:443 ", "10.0.0.5:443"),
            ("https://10.0.0.5:11443/", "10.0.0.5:11443"),
            ("HTTPS://Kit-7.studio.example/#Network?x", "kit-7.studio.example:11443"),
            ("::1", "[::1]:11443"),
            ("[FE80::1]", "[fe80::1]:11443"),
            ("https://[::1]:9/config", "[::1]:9"),
            ("dev_kit", "dev_kit:11443"),
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), shown, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_is_told_why() {
        for (text, told) in [
            ("http://10.0.0.5", "https only"),
            ("https://dev:secret@10.0.0.5", "--user"),
            ("10.0.0.256", "no host"),
            ("", "no host"),
            ("kit 7", "no host"),
            ("10.0.0.5:70000", "`70000` is no port"),
            ("10.0.0.5:", "no port"),
            ("[10.0.0.5]", "no IPv6"),
            ("[::1]x", "`x` is no port"),
        ] {
            let error = text.parse::<Address>().unwrap_err();
            assert!(error.contains(told) && !error.contains("secret"), "{text}: {error}");
        }
        for text in ["10.0.0.2", "10.0.0.2:0", "::1"] {
            assert!(text.parse::<ProxyAt>().is_err(), "{text}");
        }
        assert_eq!("[::1]:8888".parse::<ProxyAt>().unwrap().to_string(), "[::1]:8888");
    }
}
