//! A finding as it is logged.

use super::subject;
use crate::contract::{Finding, Severity};
use crate::exchange::Call;

/// The call a finding is about.
#[derive(Debug)]
pub(in crate::engine) struct About {
    pub(super) op: &'static str,
    method: String,
    target: String,
    /// What it is about, in short.
    subject: String,
}

impl About {
    /// About this call, as it is kept.
    pub(in crate::engine) fn call(call: &Call) -> Self {
        let (method, target) = (call.request.method.clone(), call.request.target.clone());
        Self { op: call.resolution.name(), method, target, subject: subject::of(call) }
    }
}

/// Logs a finding that was found so often.
pub(super) fn log(lane: &str, about: &About, finding: &Finding, count: usize) {
    let About { op, method, target, subject } = about;
    let Finding { rule, place, message, rejected, schema, .. } = finding;
    let (place, pointer, rejected) = (place.to_string(), place.pointer(), *rejected);
    let (side, requires, fix, citation) = (rule.side.as_str(), rule.requires, rule.fix, rule.citation);
    let (rule, schema) = (rule.id, schema.as_deref());
    match finding.severity {
        Severity::Error => {
            tracing::error!(target: TARGET, rule, severity = "error", side, place, pointer, lane, op, method, subject, path = target, requires, fix, citation, schema, rejected, count, "{message}");
        }
        Severity::Warning => {
            tracing::warn!(target: TARGET, rule, severity = "warning", side, place, pointer, lane, op, method, subject, path = target, requires, fix, citation, schema, rejected, count, "{message}");
        }
        Severity::Info => {
            tracing::info!(target: TARGET, rule, severity = "info", side, place, pointer, lane, op, method, subject, path = target, requires, fix, citation, schema, rejected, count, "{message}");
        }
    }
}

const TARGET: &str = "tapdeck::finding";
