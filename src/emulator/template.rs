//! The built-in session templates, those of the scenarios in mpsd-behaviour §8.

use super::policy;
use crate::json::Doc;
use crate::mpsd::bag::Fields;
use crate::mpsd::system::Place;
use crate::mpsd::version::Names;

/// What a new session starts from.
#[derive(Debug)]
pub(super) struct Template {
    /// `constants.system` in 107 names.
    pub(super) constants: Fields,
    /// `roleTypes`, empty when it defines none.
    pub(super) role_types: Fields,
    /// What a creator may do about its constants.
    pub(super) hold: Hold,
}

/// How firmly a template's constants stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    /// A creator may not contradict them.
    Firm,
    /// They are only defaults.
    Loose,
}

impl Template {
    /// The template of that name; any name but [`policy::MISSING_TEMPLATE`] has one.
    pub(super) fn named(name: &str) -> Option<Self> {
        let name = name.to_lowercase();
        if name == policy::MISSING_TEMPLATE {
            return None;
        }
        let find = |name: &str| TEMPLATES.iter().find(|built_in| built_in.name == name);
        let (built_in, hold) = match find(&name) {
            Some(built_in) => (built_in, Hold::Firm),
            None => (find(policy::DEFAULT_TEMPLATE)?, Hold::Loose),
        };
        let constants = Doc::parse(built_in.constants.as_bytes()).ok()?;
        let constants = Place::Constants(Names::New).read(constants.root(), built_in.name).ok()?;
        let role_types = Doc::parse(built_in.role_types.as_bytes()).ok()?;
        Some(Self { constants, role_types: Fields::of(role_types.root()), hold })
    }
}

struct BuiltIn {
    name: &'static str,
    constants: &'static str,
    role_types: &'static str,
}

const TEMPLATES: &[BuiltIn] = &[
    BuiltIn {
        name: "lobby",
        constants: r#"{"version":1,"maxMembersCount":8,"visibility":"open","capabilities":{"connectivity":true,"connectionRequiredForActiveMembers":true}}"#,
        role_types: "{}",
    },
    BuiltIn {
        name: "game",
        constants: r#"{"version":1,"maxMembersCount":4,"visibility":"open","inviteProtocol":"game","capabilities":{"gameplay":true,"connectionRequiredForActiveMembers":true,"userAuthorizationStyle":true,"searchable":true,"hasOwners":true},"ownershipPolicies":{"migration":"oldest"}}"#,
        role_types: "{}",
    },
    BuiltIn {
        name: "slow",
        constants: r#"{"inactiveRemovalTimeout":60000,"sessionEmptyTimeout":30000,"version":1,"maxMembersCount":8,"visibility":"open","capabilities":{"connectivity":true,"connectionRequiredForActiveMembers":true}}"#,
        role_types: "{}",
    },
    BuiltIn {
        name: "priv",
        constants: r#"{"reservedRemovalTimeout":30000,"version":1,"maxMembersCount":4,"visibility":"private"}"#,
        role_types: "{}",
    },
    BuiltIn {
        name: "big",
        constants: r#"{"version":1,"maxMembersCount":2000,"visibility":"open","capabilities":{"large":true,"gameplay":true}}"#,
        role_types: "{}",
    },
    BuiltIn {
        name: "roles",
        constants: r#"{"version":1,"maxMembersCount":8,"visibility":"open","capabilities":{"connectivity":true,"connectionRequiredForActiveMembers":true}}"#,
        role_types: r#"{"class":{"mutableRoleSettings":["max"],"roles":{"healer":{"max":1,"target":1},"tank":{"max":2,"target":1}}}}"#,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_reads_and_only_one_name_is_missing() {
        for built_in in TEMPLATES {
            let template = Template::named(&built_in.name.to_uppercase()).unwrap();
            assert_eq!(template.hold, Hold::Firm, "{}", built_in.name);
            assert_eq!(template.constants.to_json(), built_in.constants);
        }
        assert_eq!(Template::named("TitleLobby").unwrap().hold, Hold::Loose);
        assert!(Template::named("Unknown").is_none());
    }
}
