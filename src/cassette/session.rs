//! Which session an exchange is about.

use crate::json::Doc;
use crate::message::Headers;
use crate::mpsd::{Op, Operation, ParamName, Resolution, Service, resolve, target};

/// The session an exchange is about, as shoulder taps name it (`scid~template~name`, lower-case): from its path, from
/// `Content-Location`, or from the reference it posts.
pub(crate) fn session_of(resolution: &Resolution, posted: &[u8], answered: &Headers) -> Option<String> {
    let operation = resolution.operation()?;
    if !operation.param(ParamName::Session).is_empty() {
        return Some(path_key(operation));
    }
    if operation.op == Op::HandleCreate {
        let doc = Doc::parse(posted).ok()?;
        let reference = doc.root().get("sessionRef")?;
        let part = |name| reference.get(name).and_then(|value| value.str()).map(|text| text.to_lowercase());
        return Some(format!("{}~{}~{}", part("scid")?, part("templateName")?, part("name")?));
    }
    let location = answered.text("content-location")?;
    let located = resolve(Service::Mpsd, "GET", location);
    located.operation().filter(|operation| operation.op == Op::SessionGet).map(path_key)
}

/// True for a write that asks what would be: nothing comes of it.
pub(crate) fn is_dry_run(path_and_query: &str) -> bool {
    target::parameters(path_and_query).iter().any(|(name, value)| {
        let is_true = value.as_ref().is_some_and(|value| value.text.eq_ignore_ascii_case("true"));
        name.text.eq_ignore_ascii_case("nocommit") && is_true
    })
}

/// The version of a session document: its branch and its change number.
pub(crate) fn version_of(body: &[u8]) -> Option<(String, u64)> {
    let doc = Doc::parse(body).ok()?;
    let branch = doc.root().get("branch")?.str()?.into_owned();
    let change = doc.root().get("changeNumber")?.number()?.parse().ok()?;
    Some((branch, change))
}

fn path_key(operation: &Operation) -> String {
    let part = |name| operation.param(name).to_lowercase();
    format!("{}~{}~{}", part(ParamName::Scid), part(ParamName::Template), part(ParamName::Session))
}
