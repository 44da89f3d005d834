//! One handle in a query's answer, with what was asked to go with it.

use crate::clock::mpsd_timestamp;
use crate::emulator::document::role_types;
use crate::emulator::handle::{Handle, Kind};
use crate::emulator::object::Object;
use crate::emulator::policy::Policies;
use crate::emulator::refusal::Refusal;
use crate::emulator::session::Session;
use crate::exchange::Call;
use crate::mpsd::bag::quoted;
use crate::mpsd::target::parameters;

/// What goes with a handle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::emulator) struct Includes {
    related: bool,
    roles: bool,
    custom: bool,
}

impl Includes {
    /// Reads `include`: names in any case and order.
    pub(in crate::emulator) fn of(call: &Call, policies: &Policies) -> Result<Self, Refusal> {
        let mut includes = Self::default();
        for (name, value) in parameters(&call.request.target) {
            let Some(value) = value.filter(|_| name.text.eq_ignore_ascii_case("include")) else { continue };
            for word in value.text.split(',').map(|word| word.trim().to_ascii_lowercase()) {
                match word.as_str() {
                    "relatedinfo" => includes.related = true,
                    "roleinfo" => includes.roles = true,
                    "customproperties" => includes.custom = true,
                    // A client's word for what an activity shows anyhow.
                    "activityinfo" | "" => {}
                    _ if policies.unknown_include_refused => {
                        return Err(Refusal::invalid("The parameter include names something unknown."));
                    }
                    _ => {}
                }
            }
        }
        Ok(includes)
    }

    /// The handle's JSON with what is included; without a session there is nothing to include.
    pub(in crate::emulator) fn item(self, handle: &Handle, session: Option<&Session>) -> Vec<u8> {
        let mut out = handle.object();
        let Some(session) = session else {
            return out.end();
        };
        if self.custom {
            let mut custom = Vec::new();
            session.properties.custom.write(&mut custom);
            out.raw("customProperties", custom);
        }
        if self.related {
            out.object("relatedInfo", related_info(handle, session));
        }
        if self.roles {
            let mut info = Object::new();
            info.object("roleTypes", role_types(session));
            out.object("roleInfo", info);
        }
        out.end()
    }
}

fn related_info(handle: &Handle, session: &Session) -> Object {
    let properties = &session.properties.system;
    let mut out = Object::new();
    out.text("visibility", &session.shown_visibility());
    out.text("joinRestriction", &properties.text("joinRestriction").unwrap_or_else(|| "none".to_owned()));
    out.raw("closed", properties.flag("closed").to_string());
    out.number("maxMembersCount", session.constants.system.number("maxMembersCount").unwrap_or_default());
    out.number("membersCount", session.members.len() as u64);
    if let Some(protocol) = session.constants.system.raw("inviteProtocol") {
        out.raw("inviteProtocol", protocol);
    }
    out.text("postedTime", &mpsd_timestamp(handle.created));
    if let Some(keywords) = properties.raw("keywords") {
        out.raw("keywords", keywords);
    }
    if matches!(handle.kind, Kind::Search { .. }) {
        let owners: Vec<String> = session.owner_xuids().iter().map(|xuid| quoted(xuid)).collect();
        out.raw("sessionOwners", format!("[{}]", owners.join(",")));
    }
    out
}
