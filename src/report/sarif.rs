//! Reports as a SARIF 2.1.0 log, so that a code review shows each finding on its line of the cassette.
//!
//! An expected rejection is a `note`, not a suppressed result: nobody waived it, and a reviewer of a test that sends a
//! wrong request on purpose wants to see that it still does.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use serde_sarif::sarif::{
    ArtifactLocation, Invocation, Location, LogicalLocation, Message, MultiformatMessageString, Notification,
    PhysicalLocation, PropertyBag, Region, ReportingConfiguration, ReportingDescriptor, Result as SarifResult,
    ResultLevel, Run, Sarif, Tool, ToolComponent,
};

use super::identity::Identity;
use super::rules::rule_markdown;
use super::{Located, Report, Standing, Unread, plain, rule_page};
use crate::contract::{Rule, Severity};
use crate::platform;

/// The log, with a final line break.
pub(super) fn render(report: &Report) -> Result<String, serde_json::Error> {
    let mut rules: Vec<&'static Rule> = Vec::new();
    let mut results = Vec::new();
    for located in &report.findings {
        let rule = located.finding.rule;
        let index = rules.iter().position(|known| *known == rule).unwrap_or_else(|| {
            rules.push(rule);
            rules.len() - 1
        });
        results.push(result(located, index));
    }
    let driver = ToolComponent::builder()
        .name("tapdeck")
        .full_name("tapdeck, a tape deck for MPSD")
        .version(env!("CARGO_PKG_VERSION"))
        .semantic_version(env!("CARGO_PKG_VERSION"))
        .rules(rules.into_iter().map(descriptor).collect::<Vec<_>>())
        .build();
    let root = ArtifactLocation::builder().description(text("The directory that was checked from")).build();
    let run = Run::builder()
        .tool(Tool::builder().driver(driver).build())
        .original_uri_base_ids(BTreeMap::from([(ROOT.to_owned(), root)]))
        .invocations(vec![invocation(report)])
        .results(results)
        .build();
    let log = Sarif::builder().schema(SCHEMA).version(json!("2.1.0")).runs(vec![run]).build();
    Ok(serde_json::to_string_pretty(&log)? + "\n")
}

/// That the check ran, and which files it could not read.
fn invocation(report: &Report) -> Invocation {
    let notification = |Unread { file, reason }: &Unread| {
        let physical = PhysicalLocation::builder().artifact_location(artifact(file)).build();
        let location = Location::builder().physical_location(physical).build();
        let message = text(&linkless(&plain(reason)));
        Notification::builder().level(json!("error")).message(message).locations(vec![location]).build()
    };
    Invocation::builder()
        .execution_successful(report.unread.is_empty())
        .tool_execution_notifications(report.unread.iter().map(notification).collect::<Vec<_>>())
        .build()
}

fn descriptor(rule: &'static Rule) -> ReportingDescriptor {
    let said = |text: &str| MultiformatMessageString::builder().text(text).build();
    ReportingDescriptor::builder()
        .id(rule.id)
        .short_description(said(rule.title))
        .full_description(said(rule.requires))
        .help(MultiformatMessageString::builder().text(rule_page(rule)).markdown(rule_markdown(rule)).build())
        .default_configuration(ReportingConfiguration::builder().level(json!(level(rule.severity).to_string())).build())
        .properties(bag([("tags", json!([rule.side.as_str()])), ("source", json!(rule.citation))]))
        .build()
}

fn result(located: &Located, index: usize) -> SarifResult {
    let Located { finding, .. } = located;
    let mut result = SarifResult::builder()
        .rule_id(finding.rule.id)
        .rule_index(i64::try_from(index).unwrap_or(i64::MAX))
        .level(level(finding.severity))
        .message(text(&message(located)))
        .locations(vec![location(located)])
        .partial_fingerprints(BTreeMap::from([(FINGERPRINT.to_owned(), Identity::of(located).fingerprint())]))
        .occurrence_count(i64::try_from(located.count).unwrap_or(i64::MAX))
        .properties(properties(located))
        .build();
    result.baseline_state = located.standing.map(|standing| match standing {
        Standing::Known => json!("unchanged"),
        Standing::New => json!("new"),
    });
    result
}

fn location(located: &Located) -> Location {
    let mut location = Location::builder().logical_locations(vec![logical(located)]).build();
    location.physical_location = located.place().map(|file| {
        let mut physical = PhysicalLocation::builder().artifact_location(artifact(file)).build();
        physical.region =
            located.line.map(|line| Region::builder().start_line(i64::try_from(line).unwrap_or(i64::MAX)).build());
        physical
    });
    location
}

/// The place in the exchange, by the names of lane and operation.
fn logical(located: &Located) -> LogicalLocation {
    let place = plain(&located.finding.place.to_string());
    let name = format!("{}/{}: {place}", plain(&located.lane), plain(&located.op));
    let kind = if located.message.is_some() { "message" } else { "exchange" };
    LogicalLocation::builder().name(place).fully_qualified_name(name).kind(kind).build()
}

/// A relative path stands under the root, an absolute one by itself.
fn artifact(file: &str) -> ArtifactLocation {
    let slashed = platform::slashed(file);
    if platform::is_absolute(&slashed) {
        let path = percent_encoded(slashed.trim_start_matches('/'));
        return ArtifactLocation::builder().uri(format!("file:///{path}")).build();
    }
    let path = slashed.trim_start_matches("./");
    ArtifactLocation::builder().uri(percent_encoded(path)).uri_base_id(ROOT).build()
}

/// A path as a URI spells it (RFC 3986): all but unreserved characters and slashes are encoded.
fn percent_encoded(path: &str) -> String {
    let encoded = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    path.bytes().map(encoded).collect()
}

fn message(located: &Located) -> String {
    linkless(&format!("{}. Documents require: {}", located.told(), located.finding.rule.requires))
}

/// In SARIF's messages `[…](…)` is a link, which no text of a recording may make.
fn linkless(text: &str) -> String {
    text.replace("](", "\\](")
}

fn properties(located: &Located) -> PropertyBag {
    let Located { finding, .. } = located;
    let known = [
        ("lane", json!(located.lane)),
        ("op", json!(located.op)),
        ("method", json!(located.method)),
        ("target", json!(located.target)),
        ("exchange", json!(located.exchange)),
        ("side", json!(finding.rule.side.as_str())),
        ("place", json!(finding.place.to_string())),
    ];
    let mut bag = bag(known);
    let optional = [
        ("messageOrdinal", located.message.map(|ordinal| json!(ordinal))),
        ("pointer", finding.place.pointer().map(|pointer| json!(pointer))),
        ("rejected", finding.rejected.map(|status| json!(status))),
        ("schema", finding.schema.as_ref().map(|schema| json!(schema))),
    ];
    let present = optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    bag.additional_properties.extend(present);
    bag
}

fn bag<const N: usize>(properties: [(&str, Value); N]) -> PropertyBag {
    let properties: BTreeMap<String, Value> =
        properties.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    PropertyBag::builder().additional_properties(properties).build()
}

fn text(text: &str) -> Message {
    Message::builder().text(text).build()
}

fn level(severity: Severity) -> ResultLevel {
    match severity {
        Severity::Error => ResultLevel::Error,
        Severity::Warning => ResultLevel::Warning,
        Severity::Info => ResultLevel::Note,
    }
}

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

const ROOT: &str = "%SRCROOT%";

const FINGERPRINT: &str = "tapdeckFinding/v1";
