//! The `system` objects: which fields they have, what shape each is, and how 104/105 spell the constants.
//!
//! Read from a request, a field comes out in one form whatever the caller's contract: 107 names, lower-case enum
//! words, xuids as strings, `false` flags as `null` (absent). Sources: mpsd-wire §4.2-4.4, mpsd-behaviour §1.4-1.5.

use thiserror::Error;

use super::bag::{Fields, quoted, text_of};
use super::name::is_xuid;
use super::version::Names;
use crate::json::{Kind, Node};

/// A field that is unknown, repeated or of the wrong shape.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("the field {place} {fault}")]
pub struct Misfit {
    /// Dotted path from the body's root.
    pub place: String,
    /// What is wrong with it.
    pub fault: &'static str,
}

impl Misfit {
    /// A fault at `place`; names a sender made up are cut short.
    pub fn new(place: &str, name: &str, fault: &'static str) -> Self {
        let name: String = name.chars().filter(|char| !char.is_control()).take(NAME_SHOWN).collect();
        let place = if place.is_empty() { name } else { format!("{place}.{name}") };
        Self { place, fault }
    }
}

/// A `system` object of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// `constants.system`, in the caller's spelling.
    Constants(Names),
    /// `properties.system`.
    Properties,
    /// `members.X.constants.system`.
    MemberConstants,
    /// `members.X.properties.system`.
    MemberProperties,
    /// `servers.X.constants.system`.
    ServerConstants,
    /// `servers.X.properties.system`.
    ServerProperties,
}

impl Place {
    /// Reads a `system` object into the one internal form.
    ///
    /// # Errors
    /// The first field that is unknown, named twice, or not of its shape.
    pub fn read(self, node: Node<'_>, place: &str) -> Result<Fields, Misfit> {
        let fields = read_group(node, &self.tables(), place)?;
        Ok(match self {
            Self::Constants(Names::Old) => modern(fields),
            _ => fields,
        })
    }

    fn tables(self) -> Vec<&'static [Row]> {
        match self {
            Self::Constants(Names::Old) => vec![CONSTANTS, OLD_CONSTANTS],
            Self::Constants(Names::New) => vec![CONSTANTS, NEW_CONSTANTS],
            Self::Properties => vec![PROPERTIES],
            Self::MemberConstants => vec![MEMBER_CONSTANTS],
            Self::MemberProperties => vec![MEMBER_PROPERTIES],
            Self::ServerConstants => vec![SERVER_CONSTANTS],
            Self::ServerProperties => vec![SERVER_PROPERTIES],
        }
    }
}

/// `constants.system` in another contract's spelling.
pub fn constants_in(fields: &Fields, names: Names) -> Fields {
    match names {
        Names::New => fields.clone(),
        Names::Old => old(fields),
    }
}

#[derive(Debug)]
struct Row {
    name: &'static str,
    shape: Shape,
}

#[derive(Clone, Copy, Debug)]
enum Shape {
    /// A Boolean; `false` is the same as absent.
    Flag,
    /// A Boolean whose `false` says something.
    Verdict,
    /// A whole number from 0 up.
    Count,
    Text,
    Texts,
    /// Whole numbers: member indices.
    Indices,
    /// One of a few words, in any case.
    Word(&'static [&'static str]),
    /// A decimal string, or the bare number some samples show.
    Xuid,
    Array,
    Object,
    /// An object of fields of its own; those without effect are left out.
    Group(&'static [Row]),
    /// The same, where `null` means something.
    Nullable(&'static [Row]),
}

fn read_group(node: Node<'_>, tables: &[&'static [Row]], place: &str) -> Result<Fields, Misfit> {
    if node.kind() != Kind::Object {
        return Err(Misfit { place: place.to_owned(), fault: "is not an object" });
    }
    let mut fields = Fields::default();
    for (key, value) in node.members() {
        let name = key.str().unwrap_or_default();
        let row = tables.iter().copied().flatten().find(|row| row.name == name);
        let row = row.ok_or_else(|| Misfit::new(place, &name, "is not known"))?;
        if fields.raw(row.name).is_some() {
            return Err(Misfit::new(place, &name, "is named twice"));
        }
        fields.set(row.name, read_value(value, row, place)?);
    }
    Ok(fields)
}

fn read_value(node: Node<'_>, row: &Row, place: &str) -> Result<String, Misfit> {
    if node.kind() == Kind::Null {
        return Ok("null".to_owned());
    }
    let inner = || format!("{place}.{}", row.name);
    let read = match row.shape {
        Shape::Flag => node.bool().map(|flag| if flag { "true" } else { "null" }.to_owned()),
        Shape::Verdict => node.bool().map(|verdict| verdict.to_string()),
        Shape::Count => node.number().filter(|text| text.parse::<u64>().is_ok()).map(str::to_owned),
        Shape::Text => (node.kind() == Kind::String).then(|| text_of(node)),
        Shape::Texts => array_of(node, |item| item.kind() == Kind::String),
        Shape::Indices => array_of(node, |item| item.number().is_some_and(|text| text.parse::<u32>().is_ok())),
        Shape::Word(words) => read_word(node, words),
        Shape::Xuid => read_xuid(node).map(|xuid| quoted(&xuid)),
        Shape::Array => array_of(node, |_| true),
        Shape::Object => (node.kind() == Kind::Object).then(|| text_of(node)),
        Shape::Group(rows) => return read_group(node, &[rows], &inner()).map(|fields| without_nulls(fields).to_json()),
        Shape::Nullable(rows) => return read_group(node, &[rows], &inner()).map(|fields| fields.to_json()),
    };
    read.ok_or_else(|| Misfit::new(place, row.name, row.shape.fault()))
}

impl Shape {
    fn fault(self) -> &'static str {
        match self {
            Self::Flag | Self::Verdict => "is not a Boolean",
            Self::Count => "is not a whole number",
            Self::Text => "is not a string",
            Self::Texts => "is not an array of strings",
            Self::Indices => "is not an array of member indices",
            Self::Word(_) => "is not one of its documented words",
            Self::Xuid => "is not an xuid",
            Self::Array => "is not an array",
            Self::Object | Self::Group(_) | Self::Nullable(_) => "is not an object",
        }
    }
}

/// An xuid as a string or as the bare number some documents show.
pub fn read_xuid(node: Node<'_>) -> Option<String> {
    let text = node.str().or_else(|| node.number().map(Into::into))?;
    is_xuid(&text).then(|| text.into_owned())
}

fn read_word(node: Node<'_>, words: &[&str]) -> Option<String> {
    let word = node.str()?.to_ascii_lowercase();
    words.contains(&word.as_str()).then(|| quoted(&word))
}

fn array_of(node: Node<'_>, accepts: impl Fn(Node<'_>) -> bool) -> Option<String> {
    (node.kind() == Kind::Array && node.items().all(accepts)).then(|| text_of(node))
}

fn without_nulls(mut fields: Fields) -> Fields {
    fields.retain(|_, value| value != "null");
    fields
}

/// 104/105 constants in 107 names.
fn modern(mut fields: Fields) -> Fields {
    let timeouts = fields.inner("timeouts");
    fields.remove("timeouts");
    for (old, new) in TIMEOUTS {
        if let Some(value) = timeouts.raw(old) {
            fields.set(new, value);
        }
    }
    if fields.raw("managedInitialization").is_some() {
        let mut stage = fields.inner("managedInitialization");
        let evaluates_itself = stage.flag("autoEvaluate");
        stage.remove("autoEvaluate");
        if !evaluates_itself {
            stage.set("externalEvaluation", "true");
        }
        fields.remove("managedInitialization");
        fields.set("memberInitialization", stage.to_json());
    }
    fields
}

/// 107 constants in 104/105 names.
fn old(fields: &Fields) -> Fields {
    let moved = |name: &str| TIMEOUTS.iter().any(|(_, new)| *new == name) || name == "memberInitialization";
    let mut out: Fields =
        fields.iter().filter(|(name, _)| !moved(name)).map(|(name, value)| (name, value.to_owned())).collect();
    let timeouts: Fields = TIMEOUTS.iter().filter_map(|(old, new)| Some((*old, fields.raw(new)?.to_owned()))).collect();
    out.set("timeouts", timeouts.to_json());
    if fields.raw("memberInitialization").is_some() {
        let mut stage = fields.inner("memberInitialization");
        if !stage.flag("externalEvaluation") {
            stage.set("autoEvaluate", "true");
        }
        stage.remove("externalEvaluation");
        out.set("managedInitialization", stage.to_json());
    }
    out
}

const fn row(name: &'static str, shape: Shape) -> Row {
    Row { name, shape }
}

const NAME_SHOWN: usize = 64;

/// Timeouts: the 104/105 name inside `timeouts`, and the 107 name.
const TIMEOUTS: [(&str, &str); 4] = [
    ("ready", "readyRemovalTimeout"),
    ("reserved", "reservedRemovalTimeout"),
    ("sessionEmpty", "sessionEmptyTimeout"),
    ("inactive", "inactiveRemovalTimeout"),
];

const RESTRICTIONS: &[&str] = &["none", "local", "followed"];

const CONSTANTS: &[Row] = &[
    row("version", Shape::Count),
    row("maxMembersCount", Shape::Count),
    row("visibility", Shape::Word(&["private", "visible", "open"])),
    row("inviteProtocol", Shape::Text),
    row("initiators", Shape::Texts),
    row("capabilities", Shape::Group(CAPABILITIES)),
    row("metrics", Shape::Group(METRICS)),
    row("peerToPeerRequirements", Shape::Group(PEER_TO_PEER)),
    row("peerToHostRequirements", Shape::Group(PEER_TO_HOST)),
    row("measurementServerAddresses", Shape::Object),
    row("cloudComputePackage", Shape::Object),
    row("arbitration", Shape::Object),
    row("broadcastViewerTitleIds", Shape::Array),
    row("ownershipPolicies", Shape::Group(OWNERSHIP)),
];

const NEW_CONSTANTS: &[Row] = &[
    row("readyRemovalTimeout", Shape::Count),
    row("reservedRemovalTimeout", Shape::Count),
    row("sessionEmptyTimeout", Shape::Count),
    row("inactiveRemovalTimeout", Shape::Count),
    row("memberInitialization", Shape::Group(MEMBER_INITIALIZATION)),
];

const OLD_CONSTANTS: &[Row] = &[
    row("timeouts", Shape::Nullable(OLD_TIMEOUTS)),
    row("managedInitialization", Shape::Group(MANAGED_INITIALIZATION)),
];

const OLD_TIMEOUTS: &[Row] = &[
    row("ready", Shape::Count),
    row("reserved", Shape::Count),
    row("sessionEmpty", Shape::Count),
    row("inactive", Shape::Count),
];

const MEMBER_INITIALIZATION: &[Row] = &[
    row("joinTimeout", Shape::Count),
    row("measurementTimeout", Shape::Count),
    row("evaluationTimeout", Shape::Count),
    row("externalEvaluation", Shape::Flag),
    row("membersNeededToStart", Shape::Count),
];

const MANAGED_INITIALIZATION: &[Row] = &[
    row("joinTimeout", Shape::Count),
    row("measurementTimeout", Shape::Count),
    row("evaluationTimeout", Shape::Count),
    row("autoEvaluate", Shape::Flag),
    row("membersNeededToStart", Shape::Count),
];

const METRICS: &[Row] = &[
    row("latency", Shape::Flag),
    row("bandwidthDown", Shape::Flag),
    row("bandwidthUp", Shape::Flag),
    row("custom", Shape::Flag),
];

const PEER_TO_PEER: &[Row] = &[row("latencyMaximum", Shape::Count), row("bandwidthMinimum", Shape::Count)];

const PEER_TO_HOST: &[Row] = &[
    row("latencyMaximum", Shape::Count),
    row("bandwidthDownMinimum", Shape::Count),
    row("bandwidthUpMinimum", Shape::Count),
    row("hostSelectionMetric", Shape::Word(&["latency", "bandwidthup", "bandwidthdown", "bandwidth"])),
];

const OWNERSHIP: &[Row] = &[
    row("migration", Shape::Word(&["oldest", "endsession"])),
    row("allowNonOwnerInviteHandles", Shape::Flag),
    row("nonOwnerModifiableSystemProperties", Shape::Texts),
];

const CAPABILITIES: &[Row] = &[
    row("connectivity", Shape::Flag),
    row("suppressPresenceActivityCheck", Shape::Flag),
    row("gameplay", Shape::Flag),
    row("large", Shape::Flag),
    row("connectionRequiredForActiveMembers", Shape::Flag),
    row("clientMatchmaking", Shape::Flag),
    row("cloudCompute", Shape::Flag),
    row("autoPopulateServerCandidates", Shape::Flag),
    row("userAuthorizationStyle", Shape::Flag),
    row("crossPlay", Shape::Flag),
    row("broadcast", Shape::Flag),
    row("team", Shape::Flag),
    row("arbitration", Shape::Flag),
    row("hasOwners", Shape::Flag),
    row("searchable", Shape::Flag),
];

const PROPERTIES: &[Row] = &[
    row("keywords", Shape::Texts),
    row("turn", Shape::Indices),
    row("owners", Shape::Indices),
    row("joinRestriction", Shape::Word(RESTRICTIONS)),
    row("readRestriction", Shape::Word(RESTRICTIONS)),
    row("closed", Shape::Flag),
    row("locked", Shape::Flag),
    row("host", Shape::Text),
    row("initializationSucceeded", Shape::Verdict),
    row("serverConnectionStringCandidates", Shape::Texts),
    row("matchmaking", Shape::Object),
    row("matchmakingResubmit", Shape::Flag),
    row("allocateCloudCompute", Shape::Flag),
    row("description", Shape::Object),
    row("scheduledTime", Shape::Text),
    row("searchHandleVisibility", Shape::Text),
];

const MEMBER_CONSTANTS: &[Row] = &[row("xuid", Shape::Xuid), row("initialize", Shape::Flag), row("team", Shape::Text)];

const MEMBER_PROPERTIES: &[Row] = &[
    row("active", Shape::Flag),
    row("ready", Shape::Flag),
    row("connection", Shape::Text),
    row("subscription", Shape::Group(SUBSCRIPTION)),
    row("subscriptions", Shape::Object),
    row("secondarySubscriptions", Shape::Object),
    row("secureDeviceAddress", Shape::Text),
    row("initializationGroup", Shape::Indices),
    row("group", Shape::Indices),
    row("groups", Shape::Texts),
    row("encounters", Shape::Texts),
    row("RolePreference", Shape::Object),
    row("measurements", Shape::Object),
    row("serverMeasurements", Shape::Object),
    row("arbitration", Shape::Object),
];

const SERVER_CONSTANTS: &[Row] = &[row("startTime", Shape::Text)];

const SERVER_PROPERTIES: &[Row] = &[
    row("lockId", Shape::Text),
    row("status", Shape::Word(&["searching", "expired", "found", "failed", "canceled"])),
    row("statusDetails", Shape::Text),
    row("typicalWait", Shape::Count),
    row("targetSessionRef", Shape::Object),
];

const SUBSCRIPTION: &[Row] = &[row("id", Shape::Text), row("changeTypes", Shape::Texts)];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Doc;

    fn read(place: Place, text: &str) -> Result<String, String> {
        let doc = Doc::parse(text.as_bytes()).unwrap();
        place.read(doc.root(), "x").map(|fields| fields.to_json()).map_err(|misfit| misfit.to_string())
    }

    #[test]
    fn one_internal_form() {
        let text = r#"{ "visibility":"Open", "capabilities":{"large":false,"gameplay":true}, "maxMembersCount": 8 }"#;
        let form = r#"{"visibility":"open","capabilities":{"gameplay":true},"maxMembersCount":8}"#;
        assert_eq!(read(Place::Constants(Names::New), text).unwrap(), form);
        assert_eq!(
            read(Place::MemberConstants, r#"{"xuid":9007199254740993}"#).unwrap(),
            r#"{"xuid":"9007199254740993"}"#
        );
        assert_eq!(read(Place::Properties, r#"{"closed":false,"turn":[]}"#).unwrap(), r#"{"closed":null,"turn":[]}"#);
    }

    #[test]
    fn misfits_are_named() {
        for (place, text, message) in [
            (Place::Properties, r#"{"bogus":1}"#, "the field x.bogus is not known"),
            (Place::Properties, r#"{"closed":1}"#, "the field x.closed is not a Boolean"),
            (Place::Properties, r#"{"closed":true,"closed":true}"#, "the field x.closed is named twice"),
            (
                Place::Properties,
                r#"{"joinRestriction":"nobody"}"#,
                "the field x.joinRestriction is not one of its documented words",
            ),
            (Place::Constants(Names::New), r#"{"timeouts":{}}"#, "the field x.timeouts is not known"),
            (
                Place::Constants(Names::Old),
                r#"{"inactiveRemovalTimeout":0}"#,
                "the field x.inactiveRemovalTimeout is not known",
            ),
            (
                Place::Constants(Names::New),
                r#"{"capabilities":{"fly":true}}"#,
                "the field x.capabilities.fly is not known",
            ),
            (
                Place::Constants(Names::New),
                r#"{"maxMembersCount":-1}"#,
                "the field x.maxMembersCount is not a whole number",
            ),
            (Place::MemberProperties, r#"[]"#, "the field x is not an object"),
        ] {
            assert_eq!(read(place, text).unwrap_err(), message);
        }
    }

    #[test]
    fn old_names_go_both_ways() {
        let text = r#"{"maxMembersCount":8,"timeouts":{"inactive":null,"reserved":6},"managedInitialization":{"joinTimeout":1,"autoEvaluate":true}}"#;
        let doc = Doc::parse(text.as_bytes()).unwrap();
        let fields = Place::Constants(Names::Old).read(doc.root(), "x").unwrap();
        assert_eq!(
            fields.to_json(),
            r#"{"maxMembersCount":8,"reservedRemovalTimeout":6,"inactiveRemovalTimeout":null,"memberInitialization":{"joinTimeout":1}}"#
        );
        assert_eq!(
            constants_in(&fields, Names::Old).to_json(),
            r#"{"maxMembersCount":8,"timeouts":{"reserved":6,"inactive":null},"managedInitialization":{"joinTimeout":1,"autoEvaluate":true}}"#
        );
    }
}
