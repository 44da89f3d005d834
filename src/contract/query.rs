//! Rules of the query string: the names an operation takes, and what session queries mean by theirs.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::finding::{Findings, Place, quoted};
use super::headers::{Principal, principal, version};
use crate::exchange::Call;
use crate::mpsd::Op;
use crate::mpsd::name::is_xuid;
use crate::mpsd::route::Kind;
use crate::mpsd::target::parameters;

/// Runs every rule of the query string. `body` is the request's, read: a batch names its players there.
pub(super) fn check(call: &Call, op: Op, body: Option<&Value>, findings: &mut Findings) {
    let query = Query::of(call);
    if query.0.is_empty() && !is_session_query(op) {
        return;
    }
    let mut broken = Broken::default();
    query.names(op, &mut broken);
    query.take(op, &mut broken);
    query.includes(op, &mut broken);
    if is_session_query(op) {
        query.players(op, body, &mut broken);
        query.flags(call, op, body, &mut broken);
        query.visibility(&mut broken);
        query.version(call, &mut broken);
    }
    broken.tell(findings);
}

/// The parameters an operation takes, and those of other pages that clients send and nobody minds.
fn names_of(op: Op) -> impl Iterator<Item = &'static str> {
    let tolerated: &[&str] = match op {
        Op::HandlesQuery => &["xuid", "take"],
        Op::HandleGet => &["include"],
        // A rule of its own says where a batch names its players.
        Op::Batch | Op::TemplateBatch => &["xuid"],
        _ => &[],
    };
    op.route().query.iter().map(|parameter| parameter.name).chain(tolerated.iter().copied())
}

/// True for queries of sessions, of one player or many.
pub(super) fn is_session_query(op: Op) -> bool {
    matches!(op, Op::SessionsQuery | Op::TemplateSessionsQuery) || is_batch(op)
}

/// True for queries that name their players in the body.
pub(super) fn is_batch(op: Op) -> bool {
    matches!(op, Op::Batch | Op::TemplateBatch)
}

/// True when a session query asks for what only its own player may see.
pub(super) fn asks_for_private(call: &Call) -> bool {
    let query = Query::of(call);
    query.is_on("private") || query.is_on("reservations")
}

/// The parameters in order: names as written, values decoded.
struct Query(Vec<(String, Option<String>)>);

impl Query {
    fn of(call: &Call) -> Self {
        let stated = parameters(&call.request.target).into_iter();
        Self(stated.map(|(name, value)| (name.text, value.map(|value| value.text))).collect())
    }

    /// The first value of a name in any case; one that is missing is empty.
    fn value(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(value.as_deref().unwrap_or_default())
    }

    fn is_on(&self, name: &str) -> bool {
        self.value(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    fn names(&self, op: Op, broken: &mut Broken) {
        let mut seen: BTreeMap<String, Option<&str>> = BTreeMap::new();
        for (name, value) in &self.0 {
            match names_of(op).find(|known| known.eq_ignore_ascii_case(name)) {
                Some(known) if known != name => {
                    broken.add("query-param-case", format!("{} is written {known}", quoted(name)));
                }
                // `nocommit` has rules of its own.
                None if !name.eq_ignore_ascii_case("nocommit") => {
                    broken.add("query-param-unknown", format!("{} is no parameter here", quoted(name)));
                }
                _ => {}
            }
            let first = seen.insert(name.to_ascii_lowercase(), value.as_deref());
            if let Some(first) = first {
                let other_player =
                    is_session_query(op) && name.eq_ignore_ascii_case("xuid") && first != value.as_deref();
                let rule = if other_player { "query-xuid-multiple" } else { "query-param-duplicated" };
                broken.add(rule, format!("{} stands there twice", quoted(name)));
            }
        }
    }

    fn take(&self, op: Op, broken: &mut Broken) {
        let Some(take) = self.value("take").filter(|_| is_session_query(op) || op == Op::HandlesQuery) else {
            return;
        };
        if number(take).is_none_or(|take| take > MOST_RESULTS) {
            broken.add("query-take-out-of-range", format!("take is {}", quoted(take)));
        }
    }

    fn includes(&self, op: Op, broken: &mut Broken) {
        let parameter = op.route().query.iter().find(|parameter| parameter.name == "include");
        let Some((Kind::Words(known), include)) = parameter.map(|parameter| parameter.kind).zip(self.value("include"))
        else {
            return;
        };
        for word in include.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            if !known.iter().chain(&ALSO_INCLUDED).any(|known| known.eq_ignore_ascii_case(word)) {
                broken.add("handle-query-include-unknown", format!("{} is nothing to include", quoted(word)));
            }
        }
    }

    fn players(&self, op: Op, body: Option<&Value>, broken: &mut Broken) {
        match self.value("xuid") {
            Some(xuid) if is_batch(op) => broken.add("batch-xuid-in-query", format!("xuid is {}", quoted(xuid))),
            Some(list) if list.contains(',') => {
                broken.add("query-xuid-multiple", format!("xuid is {}", quoted(list)));
            }
            Some(xuid) if !is_xuid(xuid) => {
                broken.add("query-xuid-invalid", format!("xuid is {}", quoted(xuid)));
            }
            _ => {}
        }
        let has_keyword = self.value("keyword").is_some_and(|keyword| !keyword.is_empty());
        if !has_keyword && !self.names_players(op, body) && !is_batch(op) {
            broken.add("query-filter-missing", "there is neither keyword nor xuid".to_owned());
        }
    }

    /// True when the query is about players. A batch whose body cannot be read may be.
    fn names_players(&self, op: Op, body: Option<&Value>) -> bool {
        let listed = body.and_then(|body| body.get("xuids")).and_then(Value::as_array);
        let in_body = is_batch(op) && (body.is_none() || listed.is_some_and(|xuids| !xuids.is_empty()));
        in_body || self.value("xuid").is_some()
    }

    fn flags(&self, call: &Call, op: Op, body: Option<&Value>, broken: &mut Broken) {
        // Private sessions are shown to services, whoever is in them.
        let by_service = principal(&call.request.headers) != Principal::User;
        for (name, without_players) in FLAGS {
            let Some(value) = self.value(name) else {
                continue;
            };
            if value.eq_ignore_ascii_case("false") {
                broken.add("query-bool-not-true", format!("{name} is {}", quoted(value)));
            } else if !self.is_on(name) {
                broken.add("query-bool-invalid", format!("{name} is {}", quoted(value)));
            } else if !self.names_players(op, body) && (name != "private" || !by_service) {
                broken.add(without_players, format!("{name} is true, and no player is named"));
            }
        }
    }

    fn visibility(&self, broken: &mut Broken) {
        let Some(value) = self.value("visibility") else {
            return;
        };
        match value.to_ascii_lowercase().as_str() {
            "open" => {}
            "visible" | "full" => broken.add("query-visibility-unusual", format!("visibility is {}", quoted(value))),
            "private" if self.is_on("private") => {}
            "private" => {
                broken.add("query-visibility-private-without-private", "private is not true".to_owned());
            }
            _ => broken.add("query-visibility-invalid", format!("visibility is {}", quoted(value))),
        }
    }

    fn version(&self, call: &Call, broken: &mut Broken) {
        let Some(asked) = self.value("version") else {
            return;
        };
        let most = version(&call.request.headers).filter(|contract| *contract >= 104).map(|contract| contract % 100);
        match (number(asked), most) {
            (None, _) => broken.add("query-version-too-high", format!("version is {}", quoted(asked))),
            (Some(asked), Some(most)) if asked > most => {
                broken.add("query-version-too-high", format!("version {asked} is above {most}"));
            }
            _ => {}
        }
    }
}

fn number(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Rules the query string breaks, and by what: all its parameters share one place, so each rule is told once.
#[derive(Default)]
struct Broken(BTreeMap<&'static str, BTreeSet<String>>);

impl Broken {
    fn add(&mut self, rule: &'static str, by: String) {
        self.0.entry(rule).or_default().insert(by);
    }

    fn tell(self, findings: &mut Findings) {
        for (rule, by) in self.0 {
            let more = by.len().saturating_sub(TOLD_AT_MOST);
            let mut message = by.into_iter().take(TOLD_AT_MOST).collect::<Vec<_>>().join("; ");
            if more > 0 {
                message.push_str(&format!("; and {more} more"));
            }
            findings.add(rule, Place::Target, message);
        }
    }
}

/// Flags, and the rule that says they need a player.
const FLAGS: [(&str, &str); 3] = [
    ("reservations", "query-reservations-without-xuid"),
    ("inactive", "query-inactive-without-xuid"),
    ("private", "query-private-without-xuid"),
];

/// What XSAPI knows to include besides.
const ALSO_INCLUDED: [&str; 1] = ["session"];

const MOST_RESULTS: u32 = 100;

/// Most parameters told by one finding.
const TOLD_AT_MOST: usize = 5;
