//! Rules of the request line: verb, path forms, names in the path, `nocommit`.

use super::finding::{Findings, Place, quoted};
use crate::exchange::Call;
use crate::mpsd::name::{is_guid, is_xuid};
use crate::mpsd::target::parameters;
use crate::mpsd::{Operation, ParamName, Resolution, resolve};

/// Runs every rule of the request line.
pub(super) fn check(call: &Call, findings: &mut Findings) {
    match &call.resolution {
        Resolution::Known(operation) => names(operation, findings),
        Resolution::WrongMethod(_) if ends_with_slash_too_many(call) => unknown_path(call, findings),
        Resolution::WrongMethod(verbs) => {
            let message = format!("{} is none of {}", quoted(&call.request.method), verbs.join(", "));
            findings.add("http-method-not-allowed", Place::Target, message);
        }
        Resolution::Unknown => unknown_path(call, findings),
        Resolution::NextDoor => {}
    }
    nocommit(call, findings);
}

/// An unknown path is often a known one with a slash too many.
fn unknown_path(call: &Call, findings: &mut Findings) {
    let path = call.request.path();
    let is_known = |path: &str| !matches!(resolve(call.service, &call.request.method, path), Resolution::Unknown);
    let joined: String = path.split('/').filter(|part| !part.is_empty()).flat_map(|part| ["/", part]).collect();
    if ends_with_slash_too_many(call) || path.ends_with('/') && is_known(path.trim_end_matches('/')) {
        findings.add("path-trailing-slash", Place::Target, "the path ends with `/`");
    } else if path.contains("//") && is_known(&joined) {
        findings.add("path-double-slash", Place::Target, "the path has an empty segment");
    } else {
        findings.add("path-unknown", Place::Target, "MPSD has no such path");
    }
}

/// True when a path is an operation but for the slash at its end, which makes it another without that verb.
fn ends_with_slash_too_many(call: &Call) -> bool {
    let shorter = call.request.path().strip_suffix('/');
    shorter.is_some_and(|path| resolve(call.service, &call.request.method, path).operation().is_some())
}

/// Rules of the names in a path.
pub(super) fn names(operation: &Operation, findings: &mut Findings) {
    for (name, piece) in operation.params() {
        let text = piece.text.as_str();
        match name {
            ParamName::Scid => scid(text, findings),
            ParamName::Template => template(text, findings),
            ParamName::Session => session_name(text, &Place::Target, findings),
            ParamName::Handle if !is_guid(text) => {
                findings.add("handle-id-not-guid", Place::Target, format!("{} is no GUID", quoted(text)));
            }
            ParamName::Index if !is_index(text) => {
                findings.add("member-index-invalid", Place::Target, format!("{} is no index", quoted(text)));
            }
            _ => {}
        }
    }
}

fn is_index(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn scid(text: &str, findings: &mut Findings) {
    if text.is_empty() {
        findings.add("path-double-slash", Place::Target, "the path has an empty segment");
    } else if !is_guid(text) {
        findings.add("scid-not-guid", Place::Target, format!("{} is no GUID", quoted(text)));
    } else if text == NIL {
        findings.add("scid-nil", Place::Target, "the scid is all zeros");
    }
}

fn template(text: &str, findings: &mut Findings) {
    if text.is_empty() {
        findings.add("template-name-empty", Place::Target, "the path names no template");
    } else if text.chars().count() > LONGEST_NAME {
        findings.add("template-name-too-long", Place::Target, "the template name is longer than 100 characters");
    }
}

/// Rules of a session's name, in a path or a reference.
pub(super) fn session_name(text: &str, place: &Place, findings: &mut Findings) {
    let is_bad = |letter: char| "~/?#".contains(letter) || letter.is_control() || letter.is_whitespace();
    if text.is_empty() {
        findings.add("session-name-empty", place.clone(), "the path names no session");
    } else if text.chars().count() > LONGEST_NAME {
        findings.add("session-name-too-long", place.clone(), "the session name is longer than 100 characters");
    } else if text.contains(is_bad) {
        findings.add("session-name-bad-char", place.clone(), format!("{} holds such a character", quoted(text)));
    } else if !is_guid(text) && !is_xuid(text) {
        findings.add("session-name-not-guid", place.clone(), format!("{} is no GUID", quoted(text)));
    }
}

fn nocommit(call: &Call, findings: &mut Findings) {
    let query = parameters(&call.request.target);
    let Some((_, value)) = query.iter().find(|(name, _)| name.text.eq_ignore_ascii_case("nocommit")) else {
        return;
    };
    let value = value.as_ref().map_or("", |value| value.text.as_str());
    if call.request.method != "PUT" {
        findings.add("nocommit-on-non-put", Place::Target, "nocommit stands on a request that writes nothing");
    } else if !value.eq_ignore_ascii_case("true") {
        findings.add("nocommit-value-invalid", Place::Target, format!("nocommit is {}", quoted(value)));
    }
}

/// True when a request has a query parameter of that name, in any case.
pub(crate) fn has_parameter(call: &Call, name: &str) -> bool {
    parameters(&call.request.target).iter().any(|(other, _)| other.text.eq_ignore_ascii_case(name))
}

const NIL: &str = "00000000-0000-0000-0000-000000000000";
const LONGEST_NAME: usize = 100;
