//! A session's start: the template's constants, what the creator adds, and the defaults of what both left open.

use jiff::Timestamp;

use super::caps;
use super::policy::{DefaultsBy, Policies};
use super::refusal::Refusal;
use super::session::Session;
use super::template::{Hold, Template};
use crate::dice::Dice;
use crate::mpsd::bag::{Bag, Custom, Delta, Fields, same_value};
use crate::mpsd::name::SessionRef;
use crate::mpsd::version::Names;

/// A session about to start.
#[derive(Debug)]
pub(super) struct Birth<'a> {
    /// What it is called.
    pub(super) reference: &'a SessionRef,
    /// What it starts from.
    pub(super) template: &'a Template,
    /// How firmly that stands.
    pub(super) hold: Hold,
    /// The choices that stand.
    pub(super) policies: &'a Policies,
    /// How many lives the name has had.
    pub(super) lives: u64,
    /// When it starts.
    pub(super) now: Timestamp,
    /// The creator's names.
    pub(super) names: Names,
}

impl Birth<'_> {
    /// The session before any member, property or role of its own.
    pub(super) fn session(&self, constants: &Delta, dice: Dice) -> Result<Session, Refusal> {
        let key = self.reference.key();
        Ok(Session {
            reference: self.reference.clone(),
            branch: dice.guid(&format!("branch:{key}"), self.lives),
            correlation: dice.guid(&format!("correlation:{key}"), 0),
            change: 0,
            started: self.now,
            empty_since: None,
            constants: self.constants(constants)?,
            properties: Bag::default(),
            servers: std::collections::BTreeMap::new(),
            role_types: self.template.role_types.clone(),
            members: std::collections::BTreeMap::new(),
            next: 0,
            search_handle: None,
            left: Vec::new(),
            old_defaults: self.deciding_names() == Names::Old,
            episode: None,
            episodes: 0,
            host_candidates: Vec::new(),
        })
    }

    fn deciding_names(&self) -> Names {
        match self.policies.defaults_by {
            DefaultsBy::Creator => self.names,
            DefaultsBy::Template => self.template.names,
        }
    }

    fn constants(&self, added: &Delta) -> Result<Bag, Refusal> {
        let mut system = self.defaults();
        for (name, value) in self.template.constants.iter() {
            system.set(name, value);
        }
        for (name, value) in added.system.iter() {
            let fixed = self.template.constants.raw(name).filter(|_| self.hold == Hold::Firm);
            if fixed.is_some_and(|fixed| !same_value(fixed, value)) {
                return Err(Refusal::Conflict(format!("The constant {name} contradicts the session template.")));
            }
            system.set(name, value);
        }
        system.retain(|_, value| value != "null");
        check(&system, self.policies)?;
        let mut constants = Bag { system, custom: self.template.custom.clone() };
        constants.merge(&Delta { system: Fields::default(), custom: self.added_custom(added)? });
        Ok(constants)
    }

    /// The creator's custom constants, which may not contradict the template's either.
    fn added_custom(&self, added: &Delta) -> Result<Option<Custom>, Refusal> {
        let contradicts = match (&self.template.custom, &added.custom) {
            (_, None) => false,
            (Custom::Object(fixed), Some(Custom::Object(sent))) => fixed.iter().any(|(name, value)| {
                let sent = sent.raw(name);
                sent.is_some_and(|sent| !same_value(value, sent))
            }),
            (Custom::Object(fixed), Some(Custom::Other(_))) => !fixed.is_empty(),
            (Custom::Other(_), Some(Custom::Object(_))) => true,
            (Custom::Other(fixed), Some(Custom::Other(sent))) => !same_value(fixed, sent),
        };
        match contradicts && self.hold == Hold::Firm {
            true => Err(Refusal::conflict("The custom constants contradict the session template.")),
            false => Ok(added.custom.clone()),
        }
    }

    fn defaults(&self) -> Fields {
        let inactive = match self.deciding_names() {
            Names::Old => self.policies.inactive_default_old,
            Names::New => self.policies.inactive_default,
        };
        [
            ("readyRemovalTimeout", READY_DEFAULT.to_string()),
            ("reservedRemovalTimeout", RESERVED_DEFAULT.to_string()),
            ("sessionEmptyTimeout", EMPTY_DEFAULT.to_string()),
            ("inactiveRemovalTimeout", inactive.to_string()),
            ("version", "1".to_owned()),
            ("maxMembersCount", caps::MEMBERS.to_string()),
            ("visibility", r#""open""#.to_owned()),
            ("capabilities", "{}".to_owned()),
        ]
        .into_iter()
        .collect()
    }
}

fn check(system: &Fields, policies: &Policies) -> Result<(), Refusal> {
    let capabilities = system.inner("capabilities");
    let is_large = capabilities.flag("large");
    let limit = if is_large { policies.large_members } else { caps::MEMBERS };
    if system.number("maxMembersCount").is_some_and(|count| !(1..=limit).contains(&count)) {
        return Err(Refusal::Invalid(format!("The constant maxMembersCount must be from 1 to {limit}.")));
    }
    if let Some(capability) = NOT_WITH_LARGE.iter().find(|capability| is_large && capabilities.flag(capability)) {
        return Err(Refusal::Invalid(format!("A large session cannot have the capability {capability}.")));
    }
    let has = |name: &str| system.raw(name).is_some();
    let needed = system.inner("memberInitialization").number("membersNeededToStart");
    let faults = [
        (is_large && has("memberInitialization"), "A large session has no memberInitialization."),
        (is_large && has("measurementServerAddresses"), "A large session has no measurementServerAddresses."),
        (has("metrics") && !capabilities.flag("connectivity"), "Metrics need the capability connectivity."),
        (
            has("ownershipPolicies") && !capabilities.flag("hasOwners"),
            "Ownership policies need the capability hasOwners.",
        ),
        (
            needed > Some(system.number("maxMembersCount").unwrap_or(limit)),
            "More members are needed to start than there may be.",
        ),
        (
            capabilities.flag("team") && capabilities.flag("gameplay"),
            "The capabilities team and gameplay exclude each other.",
        ),
        (
            capabilities.flag("arbitration") && !capabilities.flag("gameplay"),
            "Arbitration needs the capability gameplay.",
        ),
        (capabilities.flag("broadcast") && !is_large, "The capability broadcast needs the capability large."),
    ];
    match faults.iter().find(|(is_fault, _)| *is_fault) {
        Some((_, reason)) => Err(Refusal::invalid(reason)),
        None => Ok(()),
    }
}

const NOT_WITH_LARGE: [&str; 5] =
    ["connectivity", "userAuthorizationStyle", "autoPopulateServerCandidates", "team", "arbitration"];

/// `readyRemovalTimeout` when left open (mpsd-behaviour §1.4).
const READY_DEFAULT: u64 = 180_000;

/// `reservedRemovalTimeout` when left open.
const RESERVED_DEFAULT: u64 = 30_000;

/// `sessionEmptyTimeout` when left open.
const EMPTY_DEFAULT: u64 = 0;
