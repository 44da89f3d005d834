//! What a filter or an order can point at.

use super::attributes::is_name;

/// One fact about a handle and its session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Path {
    /// A text.
    Text(TextPath),
    /// A number.
    Number(NumberPath),
    /// A moment.
    Time(TimePath),
}

/// Facts that are texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TextPath {
    /// A string attribute.
    Attribute(String),
    /// The language.
    Language,
    /// The service configuration.
    Scid,
    /// The template.
    Template,
    /// The state of a tournament's registration, which no session of ours has.
    Registration,
}

/// Facts that are numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NumberPath {
    /// A number attribute.
    Attribute(String),
    /// The title.
    Title,
    /// Something about the members as a whole.
    Members(Count),
    /// Something about those who hold a role.
    Role {
        /// The role type.
        role_type: String,
        /// The role.
        role: String,
        /// What about them.
        count: Count,
    },
}

/// A head count, or how far it is from where it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Count {
    /// How many there are.
    Present,
    /// How many there should be.
    Target,
    /// How many there may be.
    Max,
    /// Target less present.
    TargetRemaining,
    /// Max less present.
    MaxRemaining,
    /// Target less present; without a target, max less present.
    Needs,
}

/// Facts that are moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimePath {
    /// When the session is planned for.
    Scheduled,
    /// When the handle was made.
    Posted,
}

/// Facts there are several of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Collection {
    /// Tags of the handle.
    Tags,
    /// Achievements of the handle.
    Achievements,
    /// Everybody in the session.
    Members,
    /// Its owners.
    Owners,
    /// Its keywords.
    Keywords,
}

impl Path {
    /// Reads a path. Keywords are known in any case, and `string` and `number` in the singular too.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (head, rest) = text.split_once('/').unwrap_or((text, ""));
        match head.to_ascii_lowercase().as_str() {
            "string" | "strings" => attribute(rest).map(|name| Self::Text(TextPath::Attribute(name))),
            "number" | "numbers" => attribute(rest).map(|name| Self::Number(NumberPath::Attribute(name))),
            "language" if rest.is_empty() => Some(Self::Text(TextPath::Language)),
            "session" => Self::of_session(rest),
            _ => None,
        }
    }

    fn of_session(text: &str) -> Option<Self> {
        let members = |count| Some(Self::Number(NumberPath::Members(count)));
        match text.to_ascii_lowercase().as_str() {
            "scid" => Some(Self::Text(TextPath::Scid)),
            "templatename" => Some(Self::Text(TextPath::Template)),
            "registrationstate" => Some(Self::Text(TextPath::Registration)),
            "titleid" => Some(Self::Number(NumberPath::Title)),
            "scheduledtime" => Some(Self::Time(TimePath::Scheduled)),
            "postedtime" => Some(Self::Time(TimePath::Posted)),
            "memberscount" => members(Count::Present),
            "targetmemberscount" => members(Count::Target),
            "maxmemberscount" => members(Count::Max),
            "targetmemberscountremaining" => members(Count::TargetRemaining),
            "maxmemberscountremaining" => members(Count::MaxRemaining),
            "needs" => members(Count::Needs),
            role => role_path(role),
        }
    }
}

impl Collection {
    /// Reads what stands before `/any(`.
    pub(super) fn read(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "tag" | "tags" => Some(Self::Tags),
            "achievementids" => Some(Self::Achievements),
            "session/memberxuids" | "memberxuids" => Some(Self::Members),
            "session/ownerxuids" | "ownerxuids" => Some(Self::Owners),
            "session/keywords" => Some(Self::Keywords),
            _ => None,
        }
    }
}

fn attribute(name: &str) -> Option<String> {
    is_name(name).then(|| name.to_owned())
}

/// `roles/T/R/count`, `…/target` or `…/needs`, in lower case as role names are.
fn role_path(text: &str) -> Option<Path> {
    let mut parts = text.split('/');
    let ("roles", Some(role_type), Some(role), Some(what), None) =
        (parts.next()?, parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let count = match what {
        "count" => Count::Present,
        "target" => Count::Target,
        "needs" => Count::Needs,
        _ => return None,
    };
    Some(Path::Number(NumberPath::Role { role_type: role_type.to_owned(), role: role.to_owned(), count }))
}
