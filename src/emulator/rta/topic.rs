//! What a subscription is to: our own connections, the user's invites, or something of a service we do not imitate.

use serde::{Deserialize, Serialize};

use crate::mpsd::name::is_xuid;
use crate::mpsd::target::percent_decode;

/// The resource of a subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::emulator) enum Topic {
    /// MPSD's: taps arrive here.
    Connections,
    /// A user's notifications: invites arrive here.
    Invites(String),
    /// Another service's; nothing ever arrives.
    Other,
}

impl Topic {
    /// What a resource is, when `services` are the hosts there are besides MPSD.
    pub(super) fn of(uri: &str, services: &[String]) -> Option<Self> {
        let (host, path) = parts(uri)?;
        if host == "sessiondirectory.xboxlive.com" {
            return path.trim_end_matches('/').eq_ignore_ascii_case("connections").then_some(Self::Connections);
        }
        if !services.iter().any(|service| service.eq_ignore_ascii_case(&host)) {
            return None;
        }
        let invited = if host == "notify.xboxlive.com" { user(&path) } else { None };
        Some(invited.map_or(Self::Other, Self::Invites))
    }
}

/// The xuid a resource states of the subscriber itself: only these two services are asked about oneself alone.
pub(super) fn own_xuid(uri: &str) -> Option<String> {
    let (host, path) = parts(uri)?;
    matches!(host.as_str(), "notify.xboxlive.com" | "social.xboxlive.com").then(|| user(&path)).flatten()
}

/// Host in lower case, and the path after the slash.
fn parts(uri: &str) -> Option<(String, String)> {
    if uri.len() > LONGEST {
        return None;
    }
    let (scheme, rest) = uri.split_once("://")?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    scheme.eq_ignore_ascii_case("https").then(|| (host.to_ascii_lowercase(), percent_decode(path).into_owned()))
}

/// The `N` of `users/xuid(N)/…`.
fn user(path: &str) -> Option<String> {
    let mut segments = path.split('/');
    let is_users = segments.next()?.eq_ignore_ascii_case("users");
    let xuid = segments.next()?.to_ascii_lowercase().strip_prefix("xuid(")?.strip_suffix(')')?.to_owned();
    (is_users && is_xuid(&xuid)).then_some(xuid)
}

/// A resource longer than this is none we know, in bytes.
const LONGEST: usize = 2_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_told_apart() {
        let services = ["notify.xboxlive.com".to_owned(), "userpresence.xboxlive.com".to_owned()];
        let topic = |uri: &str| Topic::of(uri, &services);
        for uri in
            ["https://sessiondirectory.xboxlive.com/connections/", "HTTPS://SessionDirectory.xboxlive.com/Connections"]
        {
            assert_eq!(topic(uri), Some(Topic::Connections), "{uri}");
        }
        let invites = "https://notify.xboxlive.com/users/xuid(12)/deviceId/current/titleId/7";
        assert_eq!(topic(invites), Some(Topic::Invites("12".into())));
        assert_eq!(topic("https://notify.xboxlive.com/users/xuid%2812%29/x"), Some(Topic::Invites("12".into())));
        assert_eq!(topic("https://userpresence.xboxlive.com/users/xuid(12)/devices"), Some(Topic::Other));
        for uri in [
            "",
            "connections/",
            "http://sessiondirectory.xboxlive.com/connections/",
            "https://sessiondirectory.xboxlive.com/handles",
            "https://example.com/connections/",
        ] {
            assert_eq!(topic(uri), None, "{uri}");
        }
        assert_eq!(own_xuid(invites), Some("12".into()));
        assert_eq!(own_xuid("https://userpresence.xboxlive.com/users/xuid(12)/devices"), None);
        assert_eq!(own_xuid("https://social.xboxlive.com/users/xuid(0)/friends"), None);
    }
}
