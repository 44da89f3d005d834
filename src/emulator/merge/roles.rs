//! Roles: what role types allow, who changes them, and how many may hold a role (mpsd-behaviour §1.13).

use super::{Merge, Stage};
use crate::emulator::document::holders;
use crate::emulator::refusal::Refusal;
use crate::emulator::session::Session;
use crate::json::Doc;
use crate::mpsd::bag::{Fields, same_value};

impl Merge<'_> {
    /// Sets the role types of a new session; later only the settings a role type calls mutable change.
    pub(super) fn role_types(&self, draft: &mut Session) -> Result<(), Refusal> {
        for (name, asked) in self.intent.role_types.iter() {
            match draft.role_types.raw(name) {
                Some(stored) if same_value(stored, asked) => {}
                Some(_) if self.stage == Stage::Stored && !self.rules(draft) => {
                    return Err(self.visitor.refusal(draft));
                }
                Some(stored) => {
                    let changed = changed(stored, asked)?;
                    draft.role_types.set(name, changed);
                }
                None if self.stage == Stage::New => draft.role_types.set(name, asked),
                None => return Err(Refusal::conflict("Role types are fixed when the session is created.")),
            }
        }
        let needs_owners = |(_, role_type): (&str, &str)| fields(role_type).flag("ownerManaged");
        match !draft.can("hasOwners") && draft.role_types.iter().any(needs_owners) {
            true => Err(Refusal::invalid("A role type managed by owners needs the capability hasOwners.")),
            false => Ok(()),
        }
    }

    /// Gives a member the roles asked for; `null` takes one away.
    pub(super) fn take_roles(&self, draft: &mut Session, index: u32, asked: &Fields) -> Result<(), Refusal> {
        for (type_name, text) in asked.iter() {
            let role_type = draft.role_types.inner(type_name);
            let role = Doc::parse(text.as_bytes()).ok().and_then(|doc| doc.root().str().map(|role| role.into_owned()));
            if role.as_ref().is_some_and(|role| role_type.inner("roles").raw(role).is_none()) {
                return Err(Refusal::invalid("The session has no such role."));
            }
            let held = draft.members.get(&index).and_then(|member| member.roles.text(type_name));
            let is_managed = self.stage == Stage::Stored && role_type.flag("ownerManaged") && held != role;
            if is_managed && !self.rules(draft) {
                return Err(self.visitor.refusal(draft));
            }
        }
        if let Some(member) = draft.members.get_mut(&index) {
            member.roles.merge(asked);
        }
        Ok(())
    }

    /// No role has more holders than its `max`.
    pub(super) fn check_roles(&self, draft: &Session) -> Result<(), Refusal> {
        for ((type_name, role), xuids) in holders(draft) {
            let settings = draft.role_types.inner(&type_name).inner("roles").inner(&role);
            if settings.number("max").is_some_and(|max| xuids.len() as u64 > max) {
                return Err(Refusal::Chosen(self.policies.role_full_status, "The role has as many holders as it may."));
            }
        }
        Ok(())
    }
}

/// The stored role type with what `asked` may change in it.
fn changed(stored: &str, asked: &str) -> Result<String, Refusal> {
    let (mut role_type, asked) = (fields(stored), fields(asked));
    let fixed = ["ownerManaged", "mutableRoleSettings"];
    let differs = |name: &&str| {
        let sent = asked.raw(name);
        sent.is_some_and(|sent| !same_value(role_type.raw(name).unwrap_or("null"), sent))
    };
    if let Some(name) = fixed.iter().find(|name| differs(name)) {
        return Err(Refusal::Conflict(format!("The role type's {name} cannot be changed.")));
    }
    let mutable = role_type.texts("mutableRoleSettings");
    let mut roles = role_type.inner("roles");
    for (role, settings) in asked.inner("roles").iter() {
        let Some(mut known) = roles.raw(role).map(fields) else {
            return Err(Refusal::conflict("A role cannot be added to a role type."));
        };
        for (setting, value) in fields(settings).iter() {
            let stands = known.raw(setting).is_some_and(|stored| same_value(stored, value));
            if !stands && !mutable.iter().any(|name| name == setting) {
                return Err(Refusal::Conflict(format!("The role setting {setting} cannot be changed.")));
            }
            known.set(setting, value);
        }
        roles.set(role, known.to_json());
    }
    role_type.set("roles", roles.to_json());
    Ok(role_type.to_json())
}

fn fields(text: &str) -> Fields {
    Doc::parse(text.as_bytes()).map(|doc| Fields::of(doc.root())).unwrap_or_default()
}
