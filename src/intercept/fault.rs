//! Why a TLS handshake with a client came to nothing, in the words the log, the screen and `ca doctor` share.

use std::io;

use rustls::AlertDescription;

/// What is wrong between a client and our certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsFault {
    /// The client does not know our authority.
    Untrusted,
    /// The client knows what certificate it wants, and it is not ours: it pins, or rejects ours for a reason of its own.
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
    /// The fault behind a handshake that failed on our side of it; what the client told by its alert.
    pub(super) fn of(error: &io::Error) -> Self {
        match error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>()) {
            Some(rustls::Error::AlertReceived(alert)) => Self::told(*alert),
            Some(rustls::Error::PeerIncompatible(_)) => Self::Protocol,
            _ => Self::Dropped,
        }
    }

    fn told(alert: AlertDescription) -> Self {
        match alert {
            AlertDescription::UnknownCA => Self::Untrusted,
            AlertDescription::CertificateExpired => Self::Clock,
            AlertDescription::UnrecognisedName => Self::WrongName,
            AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateRevoked
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::AccessDenied => Self::Pinned,
            AlertDescription::ProtocolVersion
            | AlertDescription::HandshakeFailure
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
}
