//! A write as its sender meant it: the request body read into types, known fields only (mpsd-wire §3).

use std::collections::BTreeSet;

use super::caps;
use super::policy::Policies;
use super::refusal::Refusal;
use crate::json::{Doc, Kind, Node};
use crate::mpsd::bag::{Custom, Delta, Fields};
use crate::mpsd::system::{Misfit, Place};
use crate::mpsd::version::Names;

/// Everything a write asks for.
#[derive(Debug, Default)]
pub(super) struct Intent {
    /// Session constants.
    pub(super) constants: Delta,
    /// Shared properties.
    pub(super) properties: Delta,
    /// Role types, each replaced as a whole.
    pub(super) role_types: Fields,
    /// What happens to the caller's own membership.
    pub(super) me: Me,
    /// Players to keep a place for, in order.
    pub(super) reserve: Vec<Newcomer>,
    /// Members to remove by index.
    pub(super) remove: Vec<u32>,
    /// The body has `servers`, which only a server principal may write.
    pub(super) names_servers: bool,
    /// What to keep for servers by name; `None` removes.
    pub(super) servers: Vec<(String, Option<ServerDelta>)>,
    /// The body names users that a service acts for.
    pub(super) names_users: bool,
}

/// What a request says about one server.
#[derive(Debug, Default)]
pub(super) struct ServerDelta {
    /// Its constants.
    pub(super) constants: Delta,
    /// Its properties.
    pub(super) properties: Delta,
}

/// What a write says about `members.me`.
#[derive(Debug, Default)]
pub(super) enum Me {
    /// Nothing.
    #[default]
    Unnamed,
    /// `null`: leave.
    Leave,
    /// Join or update.
    Here(Newcomer),
}

/// What a request says about one member.
#[derive(Debug, Default)]
pub(super) struct Newcomer {
    /// The xuid it states.
    pub(super) xuid: Option<String>,
    /// Constants, without the xuid.
    pub(super) constants: Delta,
    /// The member's properties.
    pub(super) properties: Delta,
    /// Role by role type.
    pub(super) roles: Fields,
}

/// The part of the session a call addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element<'a> {
    /// All of it.
    Session,
    /// `…/properties`.
    Properties,
    /// `…/members/me`.
    Me,
    /// `…/members/{index}`.
    Member(u32),
    /// `…/servers/{name}`.
    Server(&'a str),
}

impl Intent {
    /// Reads a body. An empty one is no JSON and refused as such.
    pub(super) fn read(body: &[u8], element: Element<'_>, names: Names, policies: &Policies) -> Result<Self, Refusal> {
        let doc = Doc::parse(body).map_err(|error| Refusal::Invalid(format!("The request body is {error}.")))?;
        let root = doc.root();
        match element {
            Element::Session => session(root, names, policies),
            Element::Properties => {
                let properties = delta(root, Place::Properties, "properties")?;
                Ok(Self { properties, ..Self::default() })
            }
            Element::Me => Ok(Self { me: me(root)?, ..Self::default() }),
            Element::Member(_) => Ok(Self::default()),
            Element::Server(name) => {
                let servers = vec![(name.to_owned(), server(root, name)?)];
                Ok(Self { servers, names_servers: true, ..Self::default() })
            }
        }
    }

    /// What a `DELETE` of an element asks for.
    pub(super) fn removing(element: Element<'_>) -> Self {
        match element {
            Element::Me => Self { me: Me::Leave, ..Self::default() },
            Element::Member(index) => Self { remove: vec![index], ..Self::default() },
            Element::Server(name) => {
                Self { servers: vec![(name.to_owned(), None)], names_servers: true, ..Self::default() }
            }
            Element::Session | Element::Properties => Self::default(),
        }
    }

    /// The xuid the caller states about itself.
    pub(super) fn stated_xuid(&self) -> Option<String> {
        match &self.me {
            Me::Here(newcomer) => newcomer.xuid.clone(),
            _ => None,
        }
    }

    /// True when the caller says that it is there.
    pub(super) fn shows_up(&self) -> bool {
        let here = |newcomer: &Newcomer| ["active", "ready"].iter().any(|flag| newcomer.properties.system.flag(flag));
        matches!(&self.me, Me::Here(newcomer) if here(newcomer))
    }
}

fn session(root: Node<'_>, names: Names, policies: &Policies) -> Result<Intent, Refusal> {
    let mut intent = Intent::default();
    for (key, value) in entries(root, "")? {
        match key.as_str() {
            "constants" => intent.constants = delta(value, Place::Constants(names), "constants")?,
            "properties" => intent.properties = delta(value, Place::Properties, "properties")?,
            "members" => members(value, &mut intent, policies)?,
            "roleTypes" => intent.role_types = role_types(value, "roleTypes")?,
            "servers" => {
                intent.names_servers = true;
                for (name, value) in entries(value, "servers")? {
                    let asked = server(value, &name)?;
                    intent.servers.push((name, asked));
                }
            }
            _ => return Err(Misfit::new("", &key, "is not known").into()),
        }
    }
    Ok(intent)
}

fn members(node: Node<'_>, intent: &mut Intent, policies: &Policies) -> Result<(), Refusal> {
    for (key, value) in entries(node, "members")? {
        if key == "me" {
            intent.me = me(value)?;
        } else if let Some(number) = key.strip_prefix("reserve_") {
            let is_next = number == intent.reserve.len().to_string();
            if !is_next && (policies.reserve_in_sequence || number.parse::<u32>().is_err()) {
                return Err(Misfit::new("members", &key, "is out of sequence: reservations count from 0").into());
            }
            intent.reserve.push(reservation(value, &key)?);
        } else if key.starts_with("me_") {
            intent.names_users = true;
        } else {
            intent.remove.push(removal(&key, value)?);
        }
    }
    Ok(())
}

fn me(node: Node<'_>) -> Result<Me, Refusal> {
    match node.kind() {
        Kind::Null => Ok(Me::Leave),
        _ => Ok(Me::Here(newcomer(node, "members.me")?)),
    }
}

fn reservation(node: Node<'_>, key: &str) -> Result<Newcomer, Refusal> {
    let newcomer = newcomer(node, &format!("members.{key}"))?;
    if newcomer.xuid.is_none() {
        return Err(Misfit::new("members", key, "names no xuid").into());
    }
    if newcomer.properties != Delta::default() {
        return Err(Misfit::new("members", key, "has properties, which only the member may write").into());
    }
    Ok(newcomer)
}

fn removal(key: &str, value: Node<'_>) -> Result<u32, Refusal> {
    let index = key.parse().ok().filter(|index: &u32| index.to_string() == key);
    let index = index.ok_or_else(|| Misfit::new("members", key, "is not known"))?;
    if value.kind() != Kind::Null {
        return Err(Misfit::new("members", key, "is an index, which may only be null").into());
    }
    Ok(index)
}

fn newcomer(node: Node<'_>, place: &str) -> Result<Newcomer, Refusal> {
    let mut newcomer = Newcomer::default();
    for (key, value) in entries(node, place)? {
        let inner = format!("{place}.{key}");
        match key.as_str() {
            "constants" => newcomer.constants = delta(value, Place::MemberConstants, &inner)?,
            "properties" => newcomer.properties = delta(value, Place::MemberProperties, &inner)?,
            "roles" => newcomer.roles = roles(value, &inner)?,
            _ => return Err(Misfit::new(place, &key, "is not known").into()),
        }
    }
    newcomer.xuid = newcomer.constants.system.text("xuid");
    newcomer.constants.system.remove("xuid");
    Ok(newcomer)
}

fn server(node: Node<'_>, name: &str) -> Result<Option<ServerDelta>, Refusal> {
    let length = name.chars().count();
    if !(1..=caps::NAME).contains(&length) {
        return Err(Misfit::new("servers", name, "is no server name").into());
    }
    if node.kind() == Kind::Null {
        return Ok(None);
    }
    let shown: String = name.chars().filter(|char| !char.is_control()).take(NAME_SHOWN).collect();
    let place = format!("servers.{shown}");
    let mut server = ServerDelta::default();
    for (key, value) in entries(node, &place)? {
        let inner = format!("{place}.{key}");
        match key.as_str() {
            "constants" => server.constants = delta(value, Place::ServerConstants, &inner)?,
            "properties" => server.properties = delta(value, Place::ServerProperties, &inner)?,
            _ => return Err(Misfit::new(&place, &key, "is not known").into()),
        }
    }
    Ok(Some(server))
}

/// A property bag of a request, known fields only.
pub(super) fn delta(node: Node<'_>, place: Place, path: &str) -> Result<Delta, Misfit> {
    let mut delta = Delta::default();
    for (key, value) in entries(node, path)? {
        match key.as_str() {
            "system" => delta.system = place.read(value, &format!("{path}.system"))?,
            "custom" => delta.custom = Some(Custom::of(value)),
            _ => return Err(Misfit::new(path, &key, "is not known")),
        }
    }
    Ok(delta)
}

fn roles(node: Node<'_>, path: &str) -> Result<Fields, Refusal> {
    for (key, value) in few(entries(node, path)?, path)? {
        if !is_role_name(&key) {
            return Err(Misfit::new(path, &key, "is no role type name").into());
        }
        if value.kind() != Kind::Null && !value.str().is_some_and(|role| is_role_name(&role)) {
            return Err(Misfit::new(path, &key, "is no role name").into());
        }
    }
    Ok(Fields::of(node))
}

/// Role types, each checked.
pub(super) fn role_types(node: Node<'_>, path: &str) -> Result<Fields, Misfit> {
    for (name, role_type) in few(entries(node, path)?, path)? {
        if !is_role_name(&name) {
            return Err(Misfit::new(path, &name, "is no role type name"));
        }
        role_type_fits(&format!("{path}.{name}"), role_type)?;
    }
    Ok(Fields::of(node))
}

fn role_type_fits(place: &str, node: Node<'_>) -> Result<(), Misfit> {
    for (key, value) in entries(node, place)? {
        let fits = match key.as_str() {
            "ownerManaged" => value.kind() == Kind::Bool,
            "mutableRoleSettings" => {
                value.kind() == Kind::Array
                    && value.items().all(|item| item.str().is_some_and(|name| is_setting(&name)))
            }
            "roles" => few(entries(value, place)?, place)?.iter().all(|(role, settings)| role_fits(role, *settings)),
            _ => return Err(Misfit::new(place, &key, "is not known")),
        };
        if !fits {
            return Err(Misfit::new(place, &key, "is not of its documented form"));
        }
    }
    Ok(())
}

/// A role's settings: nothing but whole numbers for `max` and `target`.
fn role_fits(role: &str, settings: Node<'_>) -> bool {
    let is_count =
        |value: Node<'_>| value.number().is_some_and(|text| text.parse::<u32>().is_ok_and(|count| count > 0));
    let setting = |name: &str| settings.get(name).and_then(|value| value.number()?.parse::<u32>().ok());
    let is_reachable = !matches!((setting("max"), setting("target")), (Some(max), Some(target)) if target > max);
    is_reachable
        && settings.kind() == Kind::Object
        && is_role_name(role)
        && settings.members().all(|(key, value)| key.str().is_some_and(|name| is_setting(&name)) && is_count(value))
}

fn is_setting(name: &str) -> bool {
    name == "max" || name == "target"
}

/// The members of an object that names none twice.
pub(super) fn entries<'d>(node: Node<'d>, place: &str) -> Result<Vec<(String, Node<'d>)>, Misfit> {
    if node.kind() != Kind::Object {
        let place = if place.is_empty() { "at the root" } else { place };
        return Err(Misfit { place: place.to_owned(), fault: "is not an object" });
    }
    let entries: Vec<_> =
        node.members().map(|(key, value)| (key.str().unwrap_or_default().into_owned(), value)).collect();
    let mut seen = BTreeSet::new();
    match entries.iter().find(|(key, _)| !seen.insert(key.as_str())) {
        Some((key, _)) => Err(Misfit::new(place, key, "is named twice")),
        None => Ok(entries),
    }
}

/// The same entries, unless they are more than roles can be.
fn few<'d>(entries: Vec<(String, Node<'d>)>, place: &str) -> Result<Vec<(String, Node<'d>)>, Misfit> {
    match entries.len() <= caps::ROLES {
        true => Ok(entries),
        false => Err(Misfit { place: place.to_owned(), fault: "has too many entries" }),
    }
}

fn is_role_name(name: &str) -> bool {
    (1..=100).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// How much of a name somebody made up a refusal repeats.
const NAME_SHOWN: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &str) -> String {
        Intent::read(body.as_bytes(), Element::Session, Names::New, &Policies::default()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_not_documented_is_named_in_the_refusal() {
        for (body, part) in [
            ("", "not JSON at byte 0"),
            ("[]", "at the root is not an object"),
            (r#"{"propriétés":{}}"#, "propriétés is not known"),
            (r#"{"members":{"me":null,"me":null}}"#, "members.me is named twice"),
            (r#"{"members":{"5":{}}}"#, "members.5 is an index"),
            (r#"{"members":{"05":null}}"#, "members.05 is not known"),
            (r#"{"members":{"reserve_1":{}}}"#, "members.reserve_1 is out of sequence"),
            (r#"{"members":{"reserve_0":{}}}"#, "members.reserve_0 names no xuid"),
            (r#"{"members":{"me":{"gamertag":"x"}}}"#, "members.me.gamertag is not known"),
            (r#"{"members":{"me":{"roles":{"class":"Healer"}}}}"#, "members.me.roles.class is no role name"),
            (r#"{"roleTypes":{"a":{"roles":{"b":{"max":0}}}}}"#, "roleTypes.a.roles is not of its documented form"),
            (r#"{"roleTypes":{"a":{"roles":{"b":{},"b":{}}}}}"#, "roleTypes.a.b is named twice"),
            (r#"{"properties":null}"#, "properties is not an object"),
        ] {
            assert!(refused(body).contains(part), "{body}: {}", refused(body));
        }
    }

    #[test]
    fn a_whole_request_reads() {
        let body = r#"{"constants":{"system":{"version":1},"custom":"text"},"properties":{"custom":{"a":1}},
            "members":{"me":{"constants":{"system":{"xuid":9000000000000001}}},
            "reserve_0":{"constants":{"system":{"xuid":"9000000000000002"}}},"4":null}}"#;
        let intent = Intent::read(body.as_bytes(), Element::Session, Names::New, &Policies::default()).unwrap();
        assert_eq!(intent.stated_xuid().as_deref(), Some("9000000000000001"));
        assert_eq!(intent.reserve[0].xuid.as_deref(), Some("9000000000000002"));
        assert_eq!((intent.remove, intent.constants.custom), (vec![4], Some(Custom::Other("\"text\"".into()))));
    }
}
