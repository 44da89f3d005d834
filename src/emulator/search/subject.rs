//! One search handle with its session, as filters and orders look at them.

use jiff::Timestamp;

use super::attributes::Attributes;
use super::path::{Collection, Count, NumberPath, TextPath, TimePath};
use crate::emulator::document::holders;
use crate::emulator::handle::{Handle, Kind};
use crate::emulator::session::Session;

/// What a filter is held against.
#[derive(Debug)]
pub(in crate::emulator) struct Subject<'a> {
    handle: &'a Handle,
    session: &'a Session,
    attributes: Attributes,
}

impl<'a> Subject<'a> {
    /// Takes a handle's attributes apart.
    pub(in crate::emulator) fn new(handle: &'a Handle, session: &'a Session) -> Self {
        let attributes = match &handle.kind {
            Kind::Search { attributes } => attributes.as_str(),
            _ => "{}",
        };
        Self { handle, session, attributes: Attributes::of(attributes) }
    }

    /// When the handle was made.
    pub(super) fn posted(&self) -> Timestamp {
        self.handle.created
    }

    /// The handle's id.
    pub(super) fn id(&self) -> &str {
        &self.handle.id
    }

    /// A text, in the case it was written in.
    pub(super) fn text(&self, path: &TextPath) -> Option<&str> {
        match path {
            TextPath::Attribute(name) => self.attributes.string(name),
            TextPath::Language => self.attributes.locale.as_deref(),
            TextPath::Scid => Some(&self.session.reference.scid),
            TextPath::Template => Some(&self.session.reference.template),
            TextPath::Registration => None,
        }
    }

    /// A number.
    pub(super) fn number(&self, path: &NumberPath) -> Option<f64> {
        match path {
            NumberPath::Attribute(name) => self.attributes.number(name),
            NumberPath::Title => Some(self.handle.title as f64),
            NumberPath::Members(count) => self.members(*count),
            NumberPath::Role { role_type, role, count } => self.role(role_type, role, *count),
        }
    }

    /// A moment.
    pub(super) fn time(&self, path: TimePath) -> Option<Timestamp> {
        match path {
            TimePath::Posted => Some(self.handle.created),
            TimePath::Scheduled => self.session.properties.system.text("scheduledTime")?.parse().ok(),
        }
    }

    /// Several texts.
    pub(super) fn texts(&self, collection: Collection) -> Vec<String> {
        match collection {
            Collection::Tags => self.attributes.tags.clone(),
            Collection::Achievements => self.attributes.achievements.clone(),
            Collection::Members => self.session.members.values().map(|member| member.xuid.clone()).collect(),
            Collection::Owners => self.session.owner_xuids(),
            Collection::Keywords => self.session.properties.system.texts("keywords"),
        }
    }

    /// The session's target is that of its roles together; without roles it has none.
    fn members(&self, count: Count) -> Option<f64> {
        let types = &self.session.role_types;
        let roles = types.iter().map(|(name, _)| types.inner(name).inner("roles"));
        let targets: Vec<u64> = roles
            .flat_map(|roles| {
                roles.iter().filter_map(|(name, _)| roles.inner(name).number("target")).collect::<Vec<_>>()
            })
            .collect();
        let target = (!targets.is_empty()).then(|| targets.iter().sum::<u64>() as f64);
        let max = self.session.constants.system.number("maxMembersCount").map(|max| max as f64);
        counted(count, self.session.members.len() as f64, target, max)
    }

    /// A role's target is its max unless set.
    fn role(&self, role_type: &str, role: &str, count: Count) -> Option<f64> {
        let settings = self.session.role_types.inner(role_type).inner("roles");
        settings.raw(role)?;
        let held = holders(self.session).get(&(role_type.to_owned(), role.to_owned())).map_or(0, Vec::len);
        let setting = |name: &str| settings.inner(role).number(name).map(|number| number as f64);
        counted(count, held as f64, setting("target").or_else(|| setting("max")), setting("max"))
    }
}

fn counted(count: Count, present: f64, target: Option<f64>, max: Option<f64>) -> Option<f64> {
    match count {
        Count::Present => Some(present),
        Count::Target => target,
        Count::Max => max,
        Count::TargetRemaining => Some(target? - present),
        Count::MaxRemaining => Some(max? - present),
        Count::Needs => Some(target.or(max)? - present),
    }
}
