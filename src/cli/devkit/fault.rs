//! What to do about what goes wrong with a portal.

use std::io::ErrorKind;

use crate::cli::Failure;
use crate::cli::failure::told;
use crate::devkit::{Address, PortalError};

/// A portal's error, with the next step.
pub(super) fn failure(address: &Address, user: Option<&str>, error: &PortalError) -> Failure {
    Failure::runtime(format!("{address}: {}", told(error))).hint(next_step(address, user, error))
}

fn next_step(address: &Address, user: Option<&str>, error: &PortalError) -> String {
    match error {
        PortalError::Name { .. } => {
            "check the name, or give the address that Dev Home shows under Remote Access".into()
        }
        PortalError::Connect(source) if source.kind() == ErrorKind::ConnectionRefused => {
            "nobody listens there: enable the portal on the kit (Dev Home, Remote Access Settings), and check the port"
                .into()
        }
        PortalError::Connect(_) => "check that the kit is on, and in this network".into(),
        PortalError::Unreachable(_) => {
            "check that the kit is on and that no firewall is in between; --timeout waits longer".into()
        }
        PortalError::Tls(_) | PortalError::NotHttp(_) => {
            "check the port: a kit's portal is at 11443 unless it was moved; a kit that starts may need a moment".into()
        }
        PortalError::Certificate { seen, .. } => format!(
            "somebody may be in between, or the kit was set up anew: compare it with what a browser shows at \
             https://{address}, and if it is the kit's, give --fingerprint {seen}"
        ),
        PortalError::Cut(_) | PortalError::Silent(_) => {
            format!(
                "the kit may be restarting: `tapdeck devkit status {address}` tells how it is; --timeout waits longer"
            )
        }
        PortalError::Status { status, .. } => refused(address, user, *status),
        PortalError::TooLong(_) | PortalError::Unexpected { .. } => {
            format!("check in a browser that https://{address} is a kit's Device Portal")
        }
        PortalError::Request(_) | PortalError::Setup(_) => format!("the kit's own page is https://{address}"),
    }
}

fn refused(address: &Address, user: Option<&str>, status: u16) -> String {
    match (status, user) {
        (401, None) => "give --user: the name that was set on the kit (Dev Home, Remote Access Settings)".into(),
        (401, Some(user)) => {
            format!("check the password of {user} (TAPDECK_DEVKIT_PASSWORD), and the name: both were set on the kit")
        }
        (403, user) => format!(
            "the portal did not take its CSRF token back, or does not let this user do that: try once more, or with \
             --user auto-{}, which needs no token",
            user.unwrap_or("NAME")
        ),
        (404 | 405, _) => "this portal has no Fiddler setting: check that the console is in developer mode and up to \
                           date; docs/devkits.md says what other kits need"
            .into(),
        (500.., _) => "the portal itself failed: wait a moment, or restart the kit, and try again".into(),
        _ => format!("the kit's own page is https://{address}"),
    }
}
