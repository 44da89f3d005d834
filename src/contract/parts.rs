//! The parts of a session request with their pointers, whichever operation carries them.

use serde_json::Value;

use super::finding::Place;
use crate::json::join_pointer;
use crate::mpsd::Op;

/// A value inside a request body.
#[derive(Clone, Debug)]
pub(super) struct Part<'v> {
    /// Its JSON pointer.
    pub(super) pointer: String,
    /// The value.
    pub(super) value: &'v Value,
}

impl<'v> Part<'v> {
    /// The member of that name, unless it is absent or null.
    pub(super) fn part(&self, name: &str) -> Option<Self> {
        let value = self.value.get(name).filter(|value| !value.is_null())?;
        Some(Part { pointer: join_pointer(&self.pointer, name), value })
    }

    /// Follows member names.
    pub(super) fn at(&self, path: &[&str]) -> Option<Self> {
        path.iter().try_fold(self.clone(), |part, name| part.part(name))
    }

    /// Members in order, nulls among them.
    pub(super) fn members(&self) -> impl Iterator<Item = (&'v str, Self)> {
        let members = self.value.as_object().into_iter().flatten();
        members.map(|(name, value)| (name.as_str(), Part { pointer: join_pointer(&self.pointer, name), value }))
    }

    /// Its place.
    pub(super) fn place(&self) -> Place {
        Place::Body(self.pointer.clone())
    }
}

/// What a session request writes.
#[derive(Debug)]
pub(super) struct Parts<'v> {
    /// `constants.system`.
    pub(super) constants: Option<Part<'v>>,
    /// `properties.system`.
    pub(super) properties: Option<Part<'v>>,
    /// The members object.
    pub(super) members: Option<Part<'v>>,
    /// The caller's own member.
    pub(super) me: Option<Part<'v>>,
    /// `roleTypes`.
    pub(super) role_types: Option<Part<'v>>,
    /// The servers object, or the one server a server's own path names.
    pub(super) servers: Option<Part<'v>>,
}

impl<'v> Parts<'v> {
    /// The parts of a request body; none for operations that write no session.
    pub(super) fn of(op: Op, body: &'v Value) -> Self {
        let root = Part { pointer: String::new(), value: body };
        let mut parts =
            Self { constants: None, properties: None, members: None, me: None, role_types: None, servers: None };
        match op {
            Op::SessionPut | Op::HandleSessionPut => {
                parts.constants = root.at(&["constants", "system"]);
                parts.properties = root.at(&["properties", "system"]);
                parts.me = root.at(&["members", "me"]);
                parts.members = root.part("members");
                parts.role_types = root.part("roleTypes");
                parts.servers = root.part("servers");
            }
            Op::PropertiesPut => parts.properties = root.part("system"),
            Op::MemberMePut => parts.me = Some(root),
            Op::ServerPut => parts.servers = Some(root),
            _ => {}
        }
        parts
    }

    /// `properties.system` of every member written, with the member's key.
    pub(super) fn member_systems(&self) -> Vec<Part<'v>> {
        let members = self.members.iter().flat_map(Part::members).map(|(_, member)| member);
        let own = self.me.iter().filter(|_| self.members.is_none()).cloned();
        members.chain(own).filter_map(|member| member.at(&["properties", "system"])).collect()
    }

    /// Members whose key has this prefix and a number after it, in order.
    pub(super) fn numbered(&self, prefix: &str) -> Vec<(u64, Part<'v>)> {
        let members = self.members.iter().flat_map(Part::members);
        members.filter_map(|(key, member)| Some((number(key.strip_prefix(prefix)?)?, member))).collect()
    }
}

fn number(digits: &str) -> Option<u64> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}
