//! Header rules: contract version, authorization, content type, preconditions, and service-to-service headers.

use super::finding::{Findings, Place, quoted};
use super::schema::Rendering;
use crate::exchange::Call;
use crate::message::{Headers, Request};
use crate::mpsd::Op;
use crate::mpsd::name::is_xuid;

/// Runs every header rule.
pub(super) fn check(call: &Call, findings: &mut Findings) {
    let request = &call.request;
    contract_version(&request.headers, findings);
    authorization(&request.headers, findings);
    content_type(request, findings);
    preconditions(request, findings);
    service_headers(call, findings);
}

/// The contract version a request names, when it is a number.
pub(super) fn version(headers: &Headers) -> Option<u32> {
    headers.text(VERSION)?.trim().parse().ok()
}

/// The rendering a contract version stands for; `None` when the version is none that MPSD knows.
pub(super) fn rendering(headers: &Headers) -> Option<Rendering> {
    match version(headers)? {
        104..=106 => Some(Rendering::V105),
        107.. => Some(Rendering::V107),
        _ => None,
    }
}

fn contract_version(headers: &Headers, findings: &mut Findings) {
    let place = || Place::header(VERSION);
    let named = headers.text(VERSION).map(str::trim).filter(|text| !text.is_empty());
    let Some(named) = named else {
        findings.add("contract-version-missing", place(), "the request names no contract version");
        return;
    };
    match named.parse::<u32>() {
        _ if !named.bytes().all(|byte| byte.is_ascii_digit()) => {
            findings.add("contract-version-not-integer", place(), format!("{} is no number", quoted(named)));
        }
        Ok(104 | 105 | 107) => {}
        Ok(low @ 0..104) => findings.add("contract-version-too-low", place(), format!("version {low} is below 104")),
        _ => findings.add("contract-version-unknown", place(), format!("version {} is unknown", quoted(named))),
    }
    let mut all = headers.all(VERSION).map(|value| value.trim_ascii());
    let first = all.next();
    if all.any(|other| Some(other) != first) {
        findings.add("contract-version-duplicated", place(), "the request names two versions");
    }
}

pub(super) fn authorization(headers: &Headers, findings: &mut Findings) {
    if headers.all("authorization").next().is_none() {
        let message = "the request carries no authorization";
        findings.add("authorization-missing", Place::header("authorization"), message);
        return;
    }
    authorization_form(headers, findings);
}

/// Judges the form only: the value is a secret, or what redaction left of one.
pub(super) fn authorization_form(headers: &Headers, findings: &mut Findings) {
    let place = || Place::header("authorization");
    let value = headers.text("authorization").unwrap_or_default().trim();
    let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
    let fields = rest.trim_start().strip_prefix("x=").and_then(|fields| fields.split_once(';'));
    match fields {
        Some((hash, token)) if scheme.eq_ignore_ascii_case("XBL3.0") => {
            if hash.trim().is_empty() || token.trim().is_empty() {
                findings.add("authorization-empty-token", place(), "the user hash or the token is empty");
            }
        }
        _ => findings.add("authorization-scheme-invalid", place(), "the value has another form"),
    }
}

pub(super) fn content_type(request: &Request, findings: &mut Findings) {
    if request.body.is_empty() || !matches!(request.method.as_str(), "PUT" | "POST") {
        return;
    }
    let place = || Place::header("content-type");
    match request.headers.text("content-type") {
        None => findings.add("content-type-missing", place(), "the body has no content type"),
        Some(value) if !is_json(value) => {
            findings.add("content-type-not-json", place(), format!("the body is called {}", quoted(value)));
        }
        Some(_) => {}
    }
}

/// True when a content type is JSON's, whatever its parameters.
pub(super) fn is_json(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/json")
}

fn preconditions(request: &Request, findings: &mut Findings) {
    let header = |name| request.headers.text(name).map(str::trim).filter(|value| !value.is_empty());
    let (tag, none) = (header("if-match"), header("if-none-match"));
    let writes = matches!(request.method.as_str(), "PUT" | "DELETE");
    if writes && tag.is_some() && none.is_some() {
        let message = "the request carries If-None-Match as well";
        findings.add("if-match-and-if-none-match", Place::header("if-match"), message);
    }
    if let Some(tag) = tag.filter(|tag| writes && *tag != "*" && !is_quoted(tag)) {
        findings.add("if-match-unquoted", Place::header("if-match"), format!("{} has no quotes", quoted(tag)));
    }
    if request.method == "GET" && tag.is_some() {
        findings.add("if-match-on-get", Place::header("if-match"), "a read carries If-Match");
    }
    if let Some(none) = none.filter(|none| request.method == "PUT" && *none != "*") {
        let message = format!("{} is not `*`", quoted(none));
        findings.add("if-none-match-not-star-on-put", Place::header("if-none-match"), message);
    }
}

/// True when If-Match names one state of the session, not just any.
pub(super) fn matches_one_state(headers: &Headers) -> bool {
    headers.text("if-match").is_some_and(|tag| !matches!(tag.trim(), "" | "*"))
}

/// True for an entity tag in quotes, weak ones among them.
pub(super) fn is_quoted(tag: &str) -> bool {
    let strong = tag.strip_prefix("W/").unwrap_or(tag);
    strong.len() >= 2 && strong.starts_with('"') && strong.ends_with('"')
}

/// For whom a request acts.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Principal {
    /// The user of its token.
    User,
    /// A service, for the users it names (none named: for itself).
    Service(Vec<String>),
}

/// Reads who a request acts for. A token without a user's hash is a service's.
pub(super) fn principal(headers: &Headers) -> Principal {
    if let Some(users) = headers.text(USERS) {
        let xuid = |entry: &str| entry.split(';').next().unwrap_or_default().trim().to_owned();
        return Principal::Service(users.split(',').map(xuid).collect());
    }
    let hash = headers.text("authorization").and_then(crate::exchange::user_hash);
    let names_user = hash.is_some_and(|hash| hash.bytes().all(|byte| byte.is_ascii_digit()));
    if names_user && headers.text(TITLE).is_none() { Principal::User } else { Principal::Service(Vec::new()) }
}

fn service_headers(call: &Call, findings: &mut Findings) {
    let headers = &call.request.headers;
    let users = headers.text(USERS);
    if users.is_some() && headers.text(TITLE).is_none() {
        findings.add("s2s-title-missing", Place::header(USERS), "the request names users and no title");
    }
    if users.is_some_and(|users| !users.split(',').all(is_acting_user)) {
        findings.add("s2s-users-syntax", Place::header(USERS), "an entry is no `xuid` or `xuid;priv=multiplayer`");
    }
    if users.is_none() && headers.text(DENY_SCOPE).is_some() {
        findings.add("s2s-deny-scope-alone", Place::header(DENY_SCOPE), "the request names no users");
    }
    let creates_handle = call.resolution.operation().is_some_and(|operation| operation.op == Op::HandleCreate);
    if creates_handle && (users.is_some() || headers.text(TITLE).is_some()) && posts_activity(call) {
        findings.add("s2s-activity-handle", Place::body("/type"), "a service posts an activity handle");
    }
}

fn posts_activity(call: &Call) -> bool {
    let view = super::view::View::of(&call.request.body);
    let kind = view.and_then(|view| view.doc.root().get("type")?.str().map(std::borrow::Cow::into_owned));
    kind.is_some_and(|kind| kind.eq_ignore_ascii_case("activity"))
}

fn is_acting_user(entry: &str) -> bool {
    let (xuid, privilege) = entry.trim().split_once(';').unwrap_or_else(|| (entry.trim(), PRIVILEGE));
    is_xuid(xuid.trim()) && privilege.trim().eq_ignore_ascii_case(PRIVILEGE)
}

/// The contract version's header.
pub(super) const VERSION: &str = "x-xbl-contract-version";
/// The header that names the users a service acts for.
pub(super) const USERS: &str = "x-xbl-onbehalfof-users";
const TITLE: &str = "x-xbl-onbehalfof-title";
const PRIVILEGE: &str = "priv=multiplayer";
const DENY_SCOPE: &str = "x-xbl-deny-scope";
