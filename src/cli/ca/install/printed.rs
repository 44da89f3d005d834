//! The commands for systems whose store we leave to the person: each with its undoing.

use sha1::{Digest, Sha1};

use super::deed;
use crate::cli::ca::environment::quoted;
use crate::intercept::Authority;
use crate::platform;

/// What to run on this system.
pub(super) fn commands(authority: &Authority) -> String {
    let path = authority.path().display().to_string();
    let (system, file) = match platform::system() {
        "windows" => (WINDOWS, format!("\"{path}\"")),
        "macos" => (MACOS, quoted(&path)),
        _ => (LINUX, quoted(&path)),
    };
    let sha1: String = Sha1::digest(authority.cert_der()).iter().map(|byte| format!("{byte:02x}")).collect();
    system.replace("NAME", &deed::name(authority)).replace("SHA1", &sha1).replace("CERT", &file)
}

const WINDOWS: &str = "\
# for you alone; Windows asks whether you mean it
certutil -user -addstore Root CERT
# undo
certutil -user -delstore Root SHA1
# for every user of this machine: the same without -user, as administrator
";

const MACOS: &str = "\
# for you alone; macOS asks for your password
security add-trusted-cert -r trustRoot -k ~/Library/Keychains/login.keychain-db CERT
# undo
security remove-trusted-cert CERT
security delete-certificate -Z SHA1 ~/Library/Keychains/login.keychain-db
";

const LINUX: &str = "\
# Fedora and its family
sudo install -m 644 CERT /etc/pki/ca-trust/source/anchors/NAME.crt && sudo update-ca-trust extract
# undo
sudo rm -f /etc/pki/ca-trust/source/anchors/NAME.crt && sudo update-ca-trust extract
# Arch
sudo trust anchor --store CERT
# undo
sudo trust anchor --remove CERT
# openSUSE
sudo install -m 644 CERT /etc/pki/trust/anchors/NAME.crt && sudo update-ca-certificates
# undo
sudo rm -f /etc/pki/trust/anchors/NAME.crt && sudo update-ca-certificates
";
