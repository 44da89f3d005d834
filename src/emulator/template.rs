//! Session templates: what a new session starts from. The built-in ones are those of the scenarios (mpsd-behaviour §8).

mod read;

use std::collections::BTreeMap;

use super::object::Object;
use super::policy::Policies;
use super::read::NO_TEMPLATE;
use super::refusal::Refusal;
use super::{Desk, reply};
use crate::json::Doc;
use crate::message::Response;
use crate::mpsd::bag::{Bag, Custom, Fields, quoted};
use crate::mpsd::name::is_guid;
use crate::mpsd::system::{Place, constants_in};
use crate::mpsd::version::{Contract, Names};
use crate::mpsd::{Operation, ParamName};

pub use read::TemplateError;

/// What a new session starts from.
#[derive(Clone, Debug)]
pub(super) struct Template {
    /// Its name as first spelt.
    name: String,
    /// `constants.system` in 107 names; `null` keeps a value unset.
    pub(super) constants: Fields,
    /// `constants.custom`.
    pub(super) custom: Custom,
    /// `roleTypes`, empty when it defines none.
    pub(super) role_types: Fields,
    /// The names it is written in.
    pub(super) names: Names,
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
    /// True when a template is registered under that name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(&name.to_lowercase())
    }

    /// The template of that name. A name nothing is registered under has the policies' default, if there is one.
    pub(super) fn named(&self, name: &str, policies: &Policies) -> Option<(&Template, Hold)> {
        let name = name.to_lowercase();
        if name == policies.missing_template.to_lowercase() {
            return None;
        }
        match self.0.get(&name) {
            Some(template) => Some((template, Hold::Firm)),
            None => Some((self.0.get(&policies.default_template.to_lowercase())?, Hold::Loose)),
        }
    }
}

impl Desk<'_> {
    /// The names of all templates.
    pub(super) fn list_templates(&self, operation: &Operation) -> Result<Response, Refusal> {
        known_scid(operation)?;
        let names = self.settings.templates.0.values().map(|template| quoted(&template.name));
        let mut out = Object::new();
        out.raw("results", format!("[{}]", names.collect::<Vec<_>>().join(",")));
        Ok(reply::uncached(reply::json(200, out.end())))
    }

    /// One template, in the caller's names.
    pub(super) fn show_template(&self, operation: &Operation, contract: Contract) -> Result<Response, Refusal> {
        known_scid(operation)?;
        let name = operation.param(ParamName::Template).to_lowercase();
        let template = self.settings.templates.0.get(&name).ok_or(Refusal::NotFound(NO_TEMPLATE))?;
        let mut out = Object::new();
        if self.settings.policies.template_names_itself {
            out.text("name", &template.name);
            out.number("contractVersion", contract.number());
        }
        let system = constants_in(&template.constants, contract.names());
        out.bag("constants", &Bag { system, custom: template.custom.clone() });
        if !template.role_types.is_empty() {
            out.fields("roleTypes", &template.role_types);
        }
        Ok(reply::uncached(reply::json(200, out.end())))
    }
}

fn known_scid(operation: &Operation) -> Result<(), Refusal> {
    match is_guid(operation.param(ParamName::Scid)) {
        true => Ok(()),
        false => Err(Refusal::NotFound("There is no such service configuration.")),
    }
}

impl Default for Templates {
    /// The built-in ones.
    fn default() -> Self {
        let read = |built_in: &BuiltIn| {
            let constants = Doc::parse(built_in.constants.as_bytes()).ok()?;
            let constants = Place::Constants(Names::New).read(constants.root(), built_in.name).ok()?;
            let role_types = Doc::parse(built_in.role_types.as_bytes()).ok()?;
            let template = Template {
                name: built_in.name.to_owned(),
                constants,
                custom: Custom::default(),
                role_types: Fields::of(role_types.root()),
                names: Names::New,
            };
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
