//! What the two players do: a lobby, a lost race, two mistakes, and the way out.

use serde_json::Value;

use super::super::Failure;
use super::cast::{Cast, Who};
use super::stage::Stage;
use crate::message::Response;

/// One thing a player does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    OpenLobby,
    SetActivity,
    LookByHandle,
    JoinByHandle,
    HostReads,
    GuestReads,
    HostPicksDocks,
    GuestPicksForest,
    GuestRetries,
    ForgetVersion,
    ActiveAndReady,
    GuestLeaves,
    HostLeaves,
    LookAgain,
}

/// What a player did and got.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) who: &'static str,
    pub(super) title: &'static str,
    pub(super) method: &'static str,
    pub(super) what: &'static str,
    pub(super) status: u16,
    tag: String,
    document: Value,
}

impl Scene {
    /// What must be the same in every performance.
    pub(super) fn outcome(&self) -> (u16, &str, &Value) {
        (self.status, &self.tag, &self.document)
    }
}

/// The order of the recording.
pub(super) const RECORDED: [Act; 14] = [
    Act::OpenLobby,
    Act::SetActivity,
    Act::LookByHandle,
    Act::JoinByHandle,
    Act::HostReads,
    Act::GuestReads,
    Act::HostPicksDocks,
    Act::GuestPicksForest,
    Act::GuestRetries,
    Act::ForgetVersion,
    Act::ActiveAndReady,
    Act::GuestLeaves,
    Act::HostLeaves,
    Act::LookAgain,
];

/// Another order in which the same two clients may get to it.
pub(super) const PLAYED: [Act; 14] = [
    Act::OpenLobby,
    Act::SetActivity,
    Act::LookByHandle,
    Act::JoinByHandle,
    Act::GuestReads,
    Act::ForgetVersion,
    Act::HostReads,
    Act::HostPicksDocks,
    Act::ActiveAndReady,
    Act::GuestPicksForest,
    Act::GuestRetries,
    Act::GuestLeaves,
    Act::HostLeaves,
    Act::LookAgain,
];

/// How an act looks on the wire.
struct Row {
    who: Who,
    title: &'static str,
    method: &'static str,
    what: &'static str,
    at: At,
    condition: Condition,
    content: Content,
}

enum At {
    Session,
    Handles,
    Handle,
}

#[derive(Clone, Copy)]
enum Condition {
    None,
    New,
    Any,
    Seen,
}

enum Content {
    None,
    Lobby,
    Activity,
    Member,
    Map(&'static str),
    ActiveAndReady,
    Leave,
}

impl Act {
    #[rustfmt::skip]
    fn row(self) -> Row {
        let row = |who, title, method, what, at, condition, content| Row { who, title, method, what, at, condition, content };
        use Who::{Guest, Host};
        match self {
            Self::OpenLobby => row(Host, "opens a lobby", "PUT", "session", At::Session, Condition::New, Content::Lobby),
            Self::SetActivity => row(Host, "shows it as activity", "POST", "handles", At::Handles, Condition::None, Content::Activity),
            Self::LookByHandle => row(Guest, "looks at it", "GET", "handles/{id}/session", At::Handle, Condition::None, Content::None),
            Self::JoinByHandle => row(Guest, "joins", "PUT", "handles/{id}/session", At::Handle, Condition::Any, Content::Member),
            Self::HostReads => row(Host, "reads the lobby", "GET", "session", At::Session, Condition::None, Content::None),
            Self::GuestReads => row(Guest, "reads the lobby, too", "GET", "session", At::Session, Condition::None, Content::None),
            Self::HostPicksDocks => row(Host, "picks a map", "PUT", "session if unchanged", At::Session, Condition::Seen, Content::Map("docks")),
            Self::GuestPicksForest => row(Guest, "picks another, too late", "PUT", "session if unchanged", At::Session, Condition::Seen, Content::Map("forest")),
            Self::GuestRetries => row(Guest, "retries on the new version", "PUT", "session if unchanged", At::Session, Condition::Seen, Content::Map("forest")),
            Self::ForgetVersion => row(Guest, "forgets the contract version", "GET", "session", At::Session, Condition::None, Content::None),
            Self::ActiveAndReady => row(Host, "is active and ready at once", "PUT", "session", At::Session, Condition::Any, Content::ActiveAndReady),
            Self::GuestLeaves => row(Guest, "leaves", "PUT", "session", At::Session, Condition::Any, Content::Leave),
            Self::HostLeaves => row(Host, "leaves as the last", "PUT", "session", At::Session, Condition::Any, Content::Leave),
            Self::LookAgain => row(Host, "finds it gone", "GET", "session", At::Session, Condition::None, Content::None),
        }
    }
}

/// Performs the acts in order, the host over HTTP/2 and the guest over HTTP/1.1.
pub(super) async fn perform(stage: &Stage, mut cast: Cast, acts: &[Act]) -> Result<Vec<Scene>, Failure> {
    let mut host = stage.client(Who::Host).await?;
    let mut guest = stage.client(Who::Guest).await?;
    let mut handle = String::new();
    let mut scenes = Vec::new();
    for act in acts {
        let row = act.row();
        let client = if row.who == Who::Host { &mut host } else { &mut guest };
        let (target, body) = (target(&row.at, &cast, &handle), content(&row, &cast));
        let headers = headers(*act, &row, &body, &cast);
        let lines: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let sent = client.send(row.method, &target, &lines, body.as_bytes()).await;
        let response = sent.map_err(|error| Failure::runtime(format!("{}: {error}", row.title)))?;
        if *act == Act::SetActivity {
            handle = text_at(&response, "id");
        }
        if let Some(tag) = response.headers.text("etag") {
            cast.of_mut(row.who).tag = tag.to_owned();
        }
        scenes.push(scene(&row, &response, &cast));
    }
    Ok(scenes)
}

fn target(at: &At, cast: &Cast, handle: &str) -> String {
    match at {
        At::Session => format!("/serviceconfigs/{SCID}/sessionTemplates/lobby/sessions/{}", cast.session),
        At::Handles => "/handles".to_owned(),
        At::Handle => format!("/handles/{handle}/session"),
    }
}

fn headers(act: Act, row: &Row, body: &str, cast: &Cast) -> Vec<(&'static str, String)> {
    let mut headers = vec![
        ("authorization", cast.of(row.who).authorization.clone()),
        ("signature", "AAAAAQHbSignatureOfTheRequest==".to_owned()),
    ];
    if act != Act::ForgetVersion {
        headers.push(("x-xbl-contract-version", "107".to_owned()));
    }
    if !body.is_empty() {
        headers.push(("content-type", "application/json; charset=utf-8".to_owned()));
    }
    headers.extend(match row.condition {
        Condition::None => None,
        Condition::New => Some(("if-none-match", "*".to_owned())),
        Condition::Any => Some(("if-match", "*".to_owned())),
        Condition::Seen => Some(("if-match", cast.of(row.who).tag.clone())),
    });
    headers
}

fn content(row: &Row, cast: &Cast) -> String {
    match row.content {
        Content::None => String::new(),
        Content::Lobby => lobby(cast),
        Content::Activity => activity(cast),
        Content::Member => member(cast, row.who),
        Content::Map(name) => format!(r#"{{"properties":{{"custom":{{"map":"{name}"}}}}}}"#),
        // A member cannot be both.
        Content::ActiveAndReady => {
            r#"{"members":{"me":{"properties":{"system":{"active":true,"ready":true}}}}}"#.to_owned()
        }
        Content::Leave => r#"{"members":{"me":null}}"#.to_owned(),
    }
}

fn lobby(cast: &Cast) -> String {
    let member = member(cast, Who::Host);
    let member = member.trim_start_matches('{');
    format!(
        r#"{{"properties":{{"system":{{"joinRestriction":"none","readRestriction":"none"}},"custom":{{"map":"harbour","stake":1.50}}}},{member}"#
    )
}

fn member(cast: &Cast, who: Who) -> String {
    let person = cast.of(who);
    format!(
        r#"{{"members":{{"me":{{"constants":{{"system":{{"xuid":"{}","initialize":true}}}},"properties":{{"system":{{"active":true,"connection":"{}","secureDeviceAddress":"{}","subscription":{{"id":"{}","changeTypes":["everything"]}}}},"custom":{{"ready":false}}}}}}}}}}"#,
        person.xuid, person.connection, person.address, person.subscription
    )
}

fn activity(cast: &Cast) -> String {
    let name = &cast.session;
    format!(
        r#"{{"version":1,"type":"activity","sessionRef":{{"scid":"{SCID}","templateName":"lobby","name":"{name}"}}}}"#
    )
}

fn scene(row: &Row, response: &Response, cast: &Cast) -> Scene {
    let bytes = response.body.decoded().map(|body| body.as_ref()).unwrap_or_default();
    let masked = cast.masked(&String::from_utf8_lossy(bytes));
    let mut document = serde_json::from_str(&masked).unwrap_or(Value::String(masked));
    mask_people(&mut document);
    Scene {
        who: cast.of(row.who).name,
        title: row.title,
        method: row.method,
        what: row.what,
        status: response.status,
        tag: response.headers.text("etag").unwrap_or_default().to_owned(),
        document,
    }
}

/// The service's own names for people are aliases in a cassette, and stay aliases when it is played.
fn mask_people(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                match name.as_str() {
                    "gamertag" | "deviceToken" => *member = Value::Bool(true),
                    _ => mask_people(member),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mask_people),
        _ => {}
    }
}

fn text_at(response: &Response, name: &str) -> String {
    let bytes = response.body.decoded().map(|body| body.as_ref()).unwrap_or_default();
    let document: Value = serde_json::from_slice(bytes).unwrap_or_default();
    document[name].as_str().unwrap_or_default().to_owned()
}

const SCID: &str = "00000000-0000-0000-0000-0000000c0de1";
