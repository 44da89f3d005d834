//! Hosts of the platform that must be handled with care: where people sign in, and where a certificate is asked for.

/// True where somebody signs in, or where keys and tokens are handed out: nobody looks in there by accident.
pub fn is_sign_in(host: &str) -> bool {
    SIGN_IN.iter().any(|domain| is_within(host, domain))
}

/// True for MPSD by the names under which it asks its callers for a certificate.
pub fn asks_for_certificate(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let variant = host.strip_prefix(CERTIFIED).and_then(|rest| rest.strip_suffix(LIVE));
    variant.is_some_and(|variant| !variant.contains('.'))
}

/// True for a domain's own name and all below it, in any letter case.
pub fn is_within(host: &str, domain: &str) -> bool {
    let start = host.len().checked_sub(domain.len());
    let Some((below, end)) = start.and_then(|start| host.split_at_checked(start)) else { return false };
    end.eq_ignore_ascii_case(domain) && (below.is_empty() || (below.len() > 1 && below.ends_with('.')))
}

/// Domains of sign-in: user, device, title and service tokens and the policy of all four (`auth`), the phone-like flow
/// (`sisu`), the making of accounts, and the two families of Microsoft accounts with their older names.
const SIGN_IN: [&str; 12] = [
    "auth.xboxlive.com",
    "auth.dnet.xboxlive.com",
    "sisu.xboxlive.com",
    "accounts.xboxlive.com",
    "login.live.com",
    "account.live.com",
    "signup.live.com",
    "login.microsoftonline.com",
    "login.microsoft.com",
    "login.windows.net",
    "sts.windows.net",
    "account.microsoft.com",
];

/// `client-sessiondirectory.xboxlive.com` and its variants for tests (mpsd-wire §1.1).
const CERTIFIED: &str = "client-sessiondirectory";
const LIVE: &str = ".xboxlive.com";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sign_in_is_known_at_every_depth_and_by_no_look_alike() {
        for host in [
            "user.auth.xboxlive.com",
            "XSTS.Auth.XboxLive.com",
            "auth.xboxlive.com",
            "device.auth.dnet.xboxlive.com",
            "login.live.com",
            "device.login.microsoftonline.com",
            "sisu.xboxlive.com",
        ] {
            assert!(is_sign_in(host), "{host}");
        }
        for host in [
            "",
            "xboxlive.com",
            "title.mgt.xboxlive.com",
            "evilauth.xboxlive.com",
            ".auth.xboxlive.com",
            "login.live.com.evil.test",
            "live.com",
            "sessiondirectory.xboxlive.com",
        ] {
            assert!(!is_sign_in(host), "{host}");
        }
    }

    #[test]
    fn a_certificate_is_asked_for_under_one_name_and_its_variants() {
        for host in ["client-sessiondirectory.xboxlive.com", "Client-SessionDirectory-Stress.xboxlive.com"] {
            assert!(asks_for_certificate(host), "{host}");
        }
        for host in
            ["sessiondirectory.xboxlive.com", "client-sessiondirectory.a.xboxlive.com", "client-sessiondirectory.test"]
        {
            assert!(!asks_for_certificate(host), "{host}");
        }
    }
}
