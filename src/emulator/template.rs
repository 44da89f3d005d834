//! Session templates: what a new session starts from. The built-in ones are those of the scenarios (mpsd-behaviour §8).

use std::collections::BTreeMap;

use super::policy::Policies;
use crate::json::Doc;
use crate::mpsd::bag::Fields;
use crate::mpsd::system::Place;
use crate::mpsd::version::Names;

/// What a new session starts from.
#[derive(Clone, Debug)]
pub(super) struct Template {
    /// `constants.system` in 107 names.
    pub(super) constants: Fields,
    /// `roleTypes`, empty when it defines none.
    pub(super) role_types: Fields,
}

/// How firmly a template's constants stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    /// A creator may not contradict them.
    Firm,
    /// They are only defaults.
    Loose,
}

/// Templates by lower-case name.
#[derive(Clone, Debug)]
pub struct Templates(BTreeMap<String, Template>);

impl Templates {
    /// The template of that name. A name nothing is registered under has the policies' default, if there is one.
    pub(super) fn named(&self, name: &str, policies: &Policies) -> Option<(&Template, Hold)> {
        let name = name.to_lowercase();
        if name == policies.missing_template {
            return None;
        }
        match self.0.get(&name) {
            Some(template) => Some((template, Hold::Firm)),
            None => Some((self.0.get(&policies.default_template)?, Hold::Loose)),
        }
    }
}

impl Default for Templates {
    /// The built-in ones.
    fn default() -> Self {
        let read = |built_in: &BuiltIn| {
            let constants = Doc::parse(built_in.constants.as_bytes()).ok()?;
            let constants = Place::Constants(Names::New).read(constants.root(), built_in.name).ok()?;
            let role_types = Doc::parse(built_in.role_types.as_bytes()).ok()?;
            let template = Template { constants, role_types: Fields::of(role_types.root()) };
            Some((built_in.name.to_owned(), template))
        };
        Self(BUILT_IN.iter().filter_map(read).collect())
    }
}

struct BuiltIn {
    name: &'static str,
    constants: &'static str,
    role_types: &'static str,
}

const BUILT_IN: &[BuiltIn] = &[
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
        name: "target",
        constants: r#"{"version":1,"visibility":"open","capabilities":{"connectionRequiredForActiveMembers":true},"memberInitialization":{"joinTimeout":10000,"membersNeededToStart":2}}"#,
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
        let (templates, policies) = (Templates::default(), Policies::default());
        for built_in in BUILT_IN {
            let (template, hold) = templates.named(&built_in.name.to_uppercase(), &policies).unwrap();
            assert_eq!(hold, Hold::Firm, "{}", built_in.name);
            assert_eq!(template.constants.to_json(), built_in.constants);
        }
        assert_eq!(templates.named("TitleLobby", &policies).unwrap().1, Hold::Loose);
        assert!(templates.named("Unknown", &policies).is_none());
    }
}
