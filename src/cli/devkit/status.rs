//! `tapdeck devkit status`: what a kit's portal tells, and what it does not.

use serde_json::Value;

use super::Kit;
use super::visit::{Lost, Visit};
use crate::cli::{Code, Failure, print};
use crate::contract::quoted;
use crate::devkit::{Enabled, Request};
use crate::intercept::Authority;

pub(super) async fn run(kit: &Kit) -> Result<Code, Failure> {
    let asked = [Request::os_info(), Request::proxy_state()];
    if kit.dry_run {
        print(&asked.map(|request| request.shown(&kit.address, kit.user.as_deref())).concat())?;
        return Ok(Code::Clean);
    }
    let mut visit = Visit::begin(kit, Lost::IsTold).await?;
    let answer = visit.ask(&Request::os_info()).await?;
    let info = answer.json().map_err(|error| visit.failure(&error))?;
    let has_proxy = visit.has_proxy().await?;
    let mut rows = vec![("kit", visit.address.to_string()), ("device", device(&info))];
    rows.extend(visit.notes.certificate.map(|print| ("certificate", format!("SHA-256 {print}"))));
    rows.push(("proxy", proxy(has_proxy).to_owned()));
    rows.push(("set here", visit.notes.enabled.as_ref().map_or_else(|| "nothing".into(), set_here)));
    if let (Some(enabled), Ok(home)) = (&visit.notes.enabled, kit.home.dir()) {
        rows.extend(stale(enabled, &home).map(|text| ("but", text)));
    }
    print(&rows.iter().map(|(name, text)| format!("{name:<12} {text}\n")).collect::<String>())?;
    Ok(Code::Clean)
}

/// Name, kind and system, as far as they are told.
fn device(info: &Value) -> String {
    let text = |name: &str| info.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(quoted);
    let named = [("", "ComputerName"), ("", "Platform"), ("system ", "OsVersion"), ("", "OsEdition")];
    let told: Vec<String> =
        named.iter().filter_map(|(before, name)| text(name).map(|text| format!("{before}{text}"))).collect();
    if told.is_empty() { "the portal does not tell".into() } else { told.join(", ") }
}

fn proxy(has_proxy: Option<bool>) -> &'static str {
    match has_proxy {
        Some(true) => "on (the portal does not tell which, nor whose certificate it trusts)",
        Some(false) => "off (what was set since the last restart may not show yet)",
        None => "the portal does not tell: it has no Fiddler setting to read",
    }
}

fn set_here(enabled: &Enabled) -> String {
    let Enabled { at, proxy, authority, accepted, .. } = enabled;
    let doubt = if *accepted { "" } else { ", but the kit never said it took it" };
    format!("{proxy}, at {at}, with the authority SHA-256 {authority}{doubt}")
}

/// What of the setting no longer holds on this machine.
fn stale(enabled: &Enabled, home: &std::path::Path) -> Option<String> {
    let now = crate::devkit::Fingerprint::of(Authority::load(home).ok()?.cert_der());
    (now != enabled.authority).then(|| format!("the authority here is another now (SHA-256 {now}): enable it again"))
}
