//! Uploaded measurements: whose they may be, and of what form (mpsd-wire §4.4).

use crate::emulator::refusal::Refusal;
use crate::emulator::session::Session;
use crate::emulator::stage::measures;
use crate::json::{Doc, Kind, Node};
use crate::mpsd::bag::Fields;
use crate::mpsd::system::Misfit;

/// Checks what a member uploads against the session, where `own` is the member's device.
pub(super) fn allowed(draft: &Session, asked: &Fields, own: Option<&str>) -> Result<(), Refusal> {
    let is_set = |name: &str| asked.raw(name).filter(|value| *value != "null");
    if let Some(text) = is_set("measurements") {
        if !measures(draft) {
            return Err(Refusal::conflict("The session asks for no measurements."));
        }
        each(text, "measurements", &["latency", "bandwidthDown", "bandwidthUp"], |token| {
            token == token.to_lowercase() && own != Some(token)
        })?;
    }
    match is_set("serverMeasurements") {
        Some(text) => each(text, "serverMeasurements", &["latency"], |_| true),
        None => Ok(()),
    }
}

/// Every entry has a name that fits, and readings that are numbers.
fn each(text: &str, field: &str, readings: &[&str], fits: impl Fn(&str) -> bool) -> Result<(), Refusal> {
    let Ok(doc) = Doc::parse(text.as_bytes()) else {
        return Ok(());
    };
    let place = "members.me.properties.system";
    for (key, entry) in doc.root().members() {
        let name = key.str().unwrap_or_default();
        if !fits(&name) {
            return Err(
                Misfit::new(place, field, "names a device that is the member's own or not in lower case").into()
            );
        }
        let is_reading = |(key, value): (Node<'_>, Node<'_>)| match key.str() {
            Some(name) if name == "custom" => true,
            Some(name) => readings.contains(&name.as_ref()) && value.kind() == Kind::Number,
            None => false,
        };
        if entry.kind() != Kind::Object || !entry.members().all(is_reading) {
            return Err(Misfit::new(place, field, "holds something that is no measurement").into());
        }
    }
    Ok(())
}
