//! Why a TLS handshake with a client came to nothing, in the words the log, the screen and `ca doctor` share.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use rustls::{AlertDescription, CertificateError, Error};

/// What is wrong between a client and our certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsFault {
    /// The client does not know our authority.
    Untrusted,
    /// The client saw our certificate and would have another: it pins, or rejects ours for a reason of its own.
    Pinned,
    /// The certificate is for another name than the client asks for.
    WrongName,
    /// The authority's limits rule the host out.
    Constraint,
    /// The certificate is not valid at what the client takes for now.
    Clock,
    /// Both speak no common version or cipher.
    Protocol,
    /// The client hung up in the middle, and does not say why.
    Dropped,
}

impl TlsFault {
    /// The fault behind a handshake that failed on our side of it: what the client told by its alert. `host` is the one
    /// it asked for, if it named any.
    pub(super) fn of(error: &io::Error, host: Option<&str>) -> Self {
        match tls(error) {
            // Whoever names no host came by an address, and may miss that in our certificate.
            Some(Error::AlertReceived(AlertDescription::BadCertificate)) if host.is_none() => Self::WrongName,
            Some(Error::AlertReceived(alert)) => Self::alerted(*alert),
            Some(Error::PeerIncompatible(_) | Error::InvalidMessage(_)) => Self::Protocol,
            _ => Self::Dropped,
        }
    }

    /// The fault behind a handshake that we began, as a client.
    pub fn met(error: &io::Error) -> Self {
        match tls(error) {
            Some(Error::InvalidCertificate(error)) => Self::found(error),
            Some(Error::AlertReceived(AlertDescription::UnrecognisedName)) => Self::WrongName,
            Some(Error::AlertReceived(_) | Error::PeerIncompatible(_) | Error::InvalidMessage(_)) => Self::Protocol,
            _ => Self::Dropped,
        }
    }

    /// The fault a verifier found with a certificate.
    pub fn found(error: &CertificateError) -> Self {
        match error {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => Self::WrongName,
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => Self::Clock,
            // rustls has no word of its own for it.
            CertificateError::Other(error) if error.to_string().contains("NameConstraint") => Self::Constraint,
            _ => Self::Untrusted,
        }
    }

    /// What a client's alert says. Which one it sends is up to its library; docs/trust.md lists what was seen.
    fn alerted(alert: AlertDescription) -> Self {
        match alert {
            // The last two say no more than that it is rejected; nearly always it is for want of trust.
            AlertDescription::UnknownCA | AlertDescription::CertificateUnknown | AlertDescription::BadCertificate => {
                Self::Untrusted
            }
            AlertDescription::CertificateExpired => Self::Clock,
            AlertDescription::UnrecognisedName => Self::WrongName,
            // By then version and cipher are agreed on, so that is a check of the program's own that failed.
            AlertDescription::HandshakeFailure
            | AlertDescription::CertificateRevoked
            | AlertDescription::AccessDenied
            | AlertDescription::DecryptError => Self::Pinned,
            AlertDescription::ProtocolVersion
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::InsufficientSecurity
            | AlertDescription::NoApplicationProtocol => Self::Protocol,
            _ => Self::Dropped,
        }
    }

    /// One word for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Untrusted => "untrusted",
            Self::Pinned => "pinned",
            Self::WrongName => "wrong-name",
            Self::Constraint => "constraint",
            Self::Clock => "clock",
            Self::Protocol => "protocol",
            Self::Dropped => "dropped",
        }
    }

    /// What the client does, as the rest of a sentence that begins with its name.
    pub fn told(self) -> &'static str {
        match self {
            Self::Untrusted => "rejects our certificate; most likely it does not know our authority",
            Self::Pinned => "hangs up once it has seen our certificate; it may pin another, or check ours late",
            Self::WrongName => "asks for another name than our certificate is for",
            Self::Constraint => "asks for a host that our authority may not vouch for",
            Self::Clock => "takes our certificate for expired or not valid yet",
            Self::Protocol => "shares no TLS version, cipher or kind of certificate with us",
            Self::Dropped => "breaks the handshake off and does not say why",
        }
    }

    /// What to do next about a host. `authority` is where our certificate lies.
    pub fn advice(self, host: Option<&str>, authority: &Path) -> String {
        let how = "`tapdeck ca install` on this machine, docs/trust.md for others";
        self.advised(host, &authority.display().to_string(), how)
    }

    /// The same for a client, which is on another machine where our page is told by which it gets the certificate.
    pub fn advice_for(self, host: Option<&str>, authority: &Path, page: Option<SocketAddr>) -> String {
        let Some(page) = page else { return self.advice(host, authority) };
        self.advised(host, &format!("the certificate of http://{page}/"), "open that page on it")
    }

    fn advised(self, host: Option<&str>, authority: &str, how: &str) -> String {
        let host = host.unwrap_or("the host");
        match self {
            Self::Untrusted => format!("make it trust {authority}: {how}"),
            Self::Pinned => format!(
                "make it trust {authority} (Node, for one, checks late); one that does pins: use a build that does not, \
                 or leave {host} to the service"
            ),
            Self::WrongName => format!("have it ask for {host} by its own name, not by an address or an alias"),
            Self::Constraint => {
                format!("`tapdeck ca create --replace --host {host}` makes one that may; `tapdeck ca show` tells its limits")
            }
            Self::Clock => {
                "compare its clock with this machine's; `tapdeck ca show` tells when the authority is valid".to_owned()
            }
            Self::Protocol => {
                "it has to speak TLS 1.2 or 1.3; for a stack without elliptic curves, `tapdeck ca create --replace --rsa`"
                    .to_owned()
            }
            Self::Dropped => {
                format!("some, such as Node, do so when they do not trust {authority}; `tapdeck ca doctor` tries from here")
            }
        }
    }
}

fn tls(error: &io::Error) -> Option<&Error> {
    error.get_ref().and_then(|error| error.downcast_ref::<Error>())
}
