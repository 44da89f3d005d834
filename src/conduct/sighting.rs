//! What one exchange says about a session: what the client asks of it, and the document it is answered with.

use crate::contract::has_parameter;
use crate::exchange::Call;
use crate::json::{Doc, Node};
use crate::message::{Body, Headers, Response};
use crate::mpsd::Op;
use crate::mpsd::name::is_guid;

/// A session as one answer shows it.
#[derive(Debug)]
pub(super) struct Sighting {
    /// The life of the session, lower-case.
    pub(super) branch: String,
    /// Which state of it.
    pub(super) change: u64,
    /// The state's tag, where the answer is the whole session's.
    pub(super) tag: Option<String>,
    /// Its correlationId.
    pub(super) correlation: Option<String>,
    /// Its constants, with the contract they are written in.
    pub(super) constants: Option<(u64, String)>,
    /// Its stage of initialization, lower-case.
    pub(super) stage: Option<String>,
    /// The users in it who have come.
    pub(super) members: Vec<u64>,
}

impl Sighting {
    /// The document of an answer, if it is a session that is kept as shown.
    pub(super) fn of(call: &Call, response: &Response) -> Option<Self> {
        let op = call.resolution.operation()?.op;
        let shows = op.answers_session() && matches!(response.status, 200 | 201 | 403 | 412);
        if !shows || has_parameter(call, "nocommit") {
            return None;
        }
        let doc = document(&response.body)?;
        let root = doc.root();
        root.get("membersInfo")?;
        let branch = text(root.get("branch")).filter(|branch| is_guid(branch))?;
        let contract = number(root.get("contractVersion"));
        let constants = root.get("constants").map(|constants| constants.raw());
        let constants = constants.filter(|constants| constants.len() <= LONGEST_CONSTANTS);
        let constants = constants.and_then(|constants| String::from_utf8(constants.to_vec()).ok());
        let initializing = root.get("initializing");
        Some(Self {
            branch: branch.to_ascii_lowercase(),
            change: number(root.get("changeNumber"))?,
            tag: tag(&response.headers, "etag").filter(|_| is_whole(op)),
            correlation: text(root.get("correlationId")).filter(|id| is_guid(id)),
            constants: contract.zip(constants),
            stage: initializing.and_then(|stage| text(stage.get("stage"))).map(|stage| stage.to_ascii_lowercase()),
            members: members(root),
        })
    }
}

/// What a client asks of a session.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// The state it is asked of.
    pub(super) tag: Option<String>,
    /// There may be none yet.
    pub(super) creates: bool,
    /// The connection of its member, with its pointer.
    pub(super) connection: Option<(String, String)>,
    /// Where its member's constants stand.
    pub(super) constants: Option<String>,
    /// Who its member says to be.
    pub(super) xuid: Option<u64>,
    /// Where it says that initialization succeeded.
    pub(super) succeeded: Option<String>,
}

impl Asked {
    /// What a request asks; nothing for one that writes no session.
    pub(super) fn of(call: &Call) -> Self {
        let Some(op) = call.resolution.operation().map(|operation| operation.op).filter(|op| !op.is_read()) else {
            return Self::default();
        };
        let headers = &call.request.headers;
        let creates = is_whole(op) && tag(headers, "if-none-match").as_deref() == Some("*");
        let named = tag(headers, "if-match").filter(|tag| is_whole(op) && tag != "*");
        let mut asked = Self { tag: named, creates, ..Self::default() };
        let Some(doc) = document(&call.request.body) else {
            return asked;
        };
        let (me, properties) = match op {
            Op::SessionPut | Op::HandleSessionPut => ("/members/me", "/properties/system"),
            Op::MemberMePut => ("", NOWHERE),
            Op::PropertiesPut => (NOWHERE, "/system"),
            _ => return asked,
        };
        let find = |pointer: String| Some((at(doc.root(), &pointer)?, pointer));
        let stated = find(format!("{me}/properties/system/connection"));
        asked.connection = stated.and_then(|(node, pointer)| Some((pointer, text(Some(node))?)));
        asked.constants = find(format!("{me}/constants")).map(|(_, pointer)| pointer);
        asked.xuid = find(format!("{me}/constants/system/xuid")).and_then(|(node, _)| xuid(node));
        let succeeded = find(format!("{properties}/initializationSucceeded"));
        asked.succeeded = succeeded.filter(|(node, _)| node.bool() == Some(true)).map(|(_, pointer)| pointer);
        asked
    }
}

/// True when an operation reads or writes the whole session.
fn is_whole(op: Op) -> bool {
    matches!(op, Op::SessionGet | Op::SessionPut | Op::HandleSessionGet | Op::HandleSessionPut)
}

/// An entity tag as it compares.
fn tag(headers: &Headers, name: &str) -> Option<String> {
    let tag = headers.text(name)?.trim();
    let tag = tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"');
    (!tag.is_empty() && tag.len() <= LONGEST_TAG).then(|| tag.to_owned())
}

/// A body's JSON, where it is small enough to be looked at a second time.
pub(super) fn document(body: &Body) -> Option<Doc<'_>> {
    let text = body.decoded().filter(|text| !text.is_empty() && text.len() <= LARGEST)?;
    Doc::parse(text).ok()
}

fn members(root: Node<'_>) -> Vec<u64> {
    let members = root.get("members").into_iter().flat_map(Node::members).map(|(_, member)| member);
    let accepted = members.filter(|member| member.get("reserved").and_then(Node::bool) != Some(true));
    accepted.filter_map(|member| xuid(at(member, "/constants/system/xuid")?)).take(MEMBERS_AT_MOST).collect()
}

fn at<'d>(node: Node<'d>, pointer: &str) -> Option<Node<'d>> {
    pointer.split('/').skip(1).try_fold(node, Node::get)
}

pub(super) fn text(node: Option<Node<'_>>) -> Option<String> {
    let text = node?.str()?;
    (text.len() <= LONGEST_TEXT).then(|| text.into_owned())
}

fn number(node: Option<Node<'_>>) -> Option<u64> {
    node?.number()?.parse().ok()
}

fn xuid(node: Node<'_>) -> Option<u64> {
    node.str().map_or_else(|| number(Some(node)), |text| text.parse().ok())
}

/// A pointer to nothing.
const NOWHERE: &str = "/\u{0}";

/// Bodies past this many bytes are not looked at, as in `contract`.
const LARGEST: usize = 1 << 20;

/// Longer constants are not kept for comparison.
const LONGEST_CONSTANTS: usize = 8 << 10;

/// Longer texts are not what they should be.
const LONGEST_TEXT: usize = 400;
const LONGEST_TAG: usize = 200;

/// A session of people has no more members.
const MEMBERS_AT_MOST: usize = 100;
