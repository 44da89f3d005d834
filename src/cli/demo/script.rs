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

/// A request before it is sent.
struct Ask {
    who: Who,
    title: &'static str,
    method: &'static str,
    what: &'static str,
    target: String,
    condition: Option<(&'static str, String)>,
    body: String,
}

/// Performs the acts in order, the host over HTTP/2 and the guest over HTTP/1.1.
pub(super) async fn perform(stage: &Stage, mut cast: Cast, acts: &[Act]) -> Result<Vec<Scene>, Failure> {
    let mut host = stage.client(Who::Host).await?;
    let mut guest = stage.client(Who::Guest).await?;
    let mut handle = String::new();
    let mut scenes = Vec::new();
    for act in acts {
        let ask = ask(*act, &cast, &handle);
        let client = if ask.who == Who::Host { &mut host } else { &mut guest };
        let headers = headers(*act, &ask, &cast);
        let lines: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let sent = client.send(ask.method, &ask.target, &lines, ask.body.as_bytes()).await;
        let response = sent.map_err(|error| Failure::runtime(format!("{}: {error}", ask.title)))?;
        if *act == Act::SetActivity {
            handle = text_at(&response, "id");
        }
        if let Some(tag) = response.headers.text("etag") {
            cast.of_mut(ask.who).tag = tag.to_owned();
        }
        scenes.push(scene(&ask, &response, &cast));
    }
    Ok(scenes)
}

fn headers(act: Act, ask: &Ask, cast: &Cast) -> Vec<(&'static str, String)> {
    let mut headers = vec![
        ("authorization", cast.of(ask.who).authorization.clone()),
        ("signature", "AAAAAQHbSignatureOfTheRequest==".to_owned()),
    ];
    if act != Act::ForgetVersion {
        headers.push(("x-xbl-contract-version", "107".to_owned()));
    }
    if !ask.body.is_empty() {
        headers.push(("content-type", "application/json; charset=utf-8".to_owned()));
    }
    headers.extend(ask.condition.clone());
    headers
}

fn ask(act: Act, cast: &Cast, handle: &str) -> Ask {
    let session = format!("/serviceconfigs/{SCID}/sessionTemplates/lobby/sessions/{}", cast.session);
    let by_handle = format!("/handles/{handle}/session");
    let tag = |who| Some(("if-match", cast.of(who).tag.clone()));
    let any = || Some(("if-match", "*".to_owned()));
    let new = Some(("if-none-match", "*".to_owned()));
    let get = |who, title, what, target| Ask {
        who,
        title,
        method: "GET",
        what,
        target,
        condition: None,
        body: String::new(),
    };
    let put = |who, title, what, target, condition, body: String| Ask {
        who,
        title,
        method: "PUT",
        what,
        target,
        condition,
        body,
    };
    let map = |name| format!(r#"{{"properties":{{"custom":{{"map":"{name}"}}}}}}"#);
    let leave = || r#"{"members":{"me":null}}"#.to_owned();
    match act {
        Act::OpenLobby => put(Who::Host, "opens a lobby", "session", session, new, lobby(cast)),
        Act::SetActivity => Ask {
            who: Who::Host,
            title: "shows it as activity",
            method: "POST",
            what: "handles",
            target: "/handles".to_owned(),
            condition: None,
            body: activity(cast),
        },
        Act::LookByHandle => get(Who::Guest, "looks at it", "handles/{id}/session", by_handle),
        Act::JoinByHandle => {
            put(Who::Guest, "joins", "handles/{id}/session", by_handle, any(), member(cast, Who::Guest))
        }
        Act::HostReads => get(Who::Host, "reads the lobby", "session", session),
        Act::GuestReads => get(Who::Guest, "reads the lobby, too", "session", session),
        Act::HostPicksDocks => {
            put(Who::Host, "picks a map", "session if unchanged", session, tag(Who::Host), map("docks"))
        }
        Act::GuestPicksForest => {
            put(Who::Guest, "picks another, too late", "session if unchanged", session, tag(Who::Guest), map("forest"))
        }
        Act::GuestRetries => put(
            Who::Guest,
            "retries on the new version",
            "session if unchanged",
            session,
            tag(Who::Guest),
            map("forest"),
        ),
        Act::ForgetVersion => get(Who::Guest, "forgets the contract version", "session", session),
        Act::ActiveAndReady => put(Who::Host, "is active and ready at once", "session", session, any(), muddled()),
        Act::GuestLeaves => put(Who::Guest, "leaves", "session", session, any(), leave()),
        Act::HostLeaves => put(Who::Host, "leaves as the last", "session", session, any(), leave()),
        Act::LookAgain => get(Who::Host, "finds it gone", "session", session),
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

/// A member cannot be both.
fn muddled() -> String {
    r#"{"members":{"me":{"properties":{"system":{"active":true,"ready":true}}}}}"#.to_owned()
}

fn scene(ask: &Ask, response: &Response, cast: &Cast) -> Scene {
    let bytes = response.body.decoded().map(|body| body.as_ref()).unwrap_or_default();
    let masked = cast.masked(&String::from_utf8_lossy(bytes));
    let mut document = serde_json::from_str(&masked).unwrap_or(Value::String(masked));
    mask_people(&mut document);
    Scene {
        who: cast.of(ask.who).name,
        title: ask.title,
        method: ask.method,
        what: ask.what,
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
