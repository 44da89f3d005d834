//! `If-Match` and `If-None-Match`: the four ways a client says which state it is writing to.

use super::policy::Policies;
use super::read::NO_SESSION;
use super::refusal::Refusal;
use crate::message::Headers;

/// A write's condition on the state it meets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Precondition {
    /// Whatever is there.
    None,
    /// `If-Match: *`: the session exists.
    Exists,
    /// `If-None-Match: *`: it does not.
    Absent,
    /// `If-Match: <tag>`: it is in one of these states.
    Matches(Vec<String>),
    /// `If-None-Match: <tag>`: it is in none of them.
    Differs(Vec<String>),
}

impl Precondition {
    /// Reads a write's headers. An empty value is as good as none.
    pub(super) fn of(headers: &Headers, policies: &Policies) -> Result<Self, Refusal> {
        let wanted = headers.text("if-match").unwrap_or_default().trim();
        let unwanted = headers.text("if-none-match").unwrap_or_default().trim();
        let decides = !wanted.is_empty() && !policies.both_conditions_refused;
        match (wanted, if decides { "" } else { unwanted }) {
            ("", "") => Ok(Self::None),
            ("*", "") => Ok(Self::Exists),
            ("", "*") => Ok(Self::Absent),
            (tags, "") => Ok(Self::Matches(opaque(tags))),
            ("", tags) => Ok(Self::Differs(opaque(tags))),
            _ => Err(Refusal::invalid("If-Match and If-None-Match exclude each other.")),
        }
    }

    /// Compares with the current entity tag, `None` when there is no session.
    pub(super) fn check(&self, current: Option<&str>, policies: &Policies) -> Result<(), Refusal> {
        let is_named = |tags: &[String]| current.is_some_and(|tag| tags.iter().any(|named| named == tag));
        match self {
            Self::None => Ok(()),
            Self::Exists if current.is_some() => Ok(()),
            Self::Absent if current.is_none() => Ok(()),
            Self::Matches(tags) if is_named(tags) => Ok(()),
            Self::Matches(_) if current.is_some() => Err(Refusal::Stale),
            Self::Differs(tags) if !is_named(tags) => Ok(()),
            Self::Exists | Self::Matches(_) if policies.absent_match_status != 412 => {
                Err(Refusal::Chosen(policies.absent_match_status, NO_SESSION))
            }
            Self::Absent | Self::Differs(_) if policies.unmet_shows_session => Err(Refusal::Stale),
            _ => Err(Refusal::Unmet),
        }
    }
}

/// True when a read's `If-None-Match` names the current state, so that 304 will do.
pub(super) fn is_unchanged(headers: &Headers, current: &str) -> bool {
    let tags = headers.text("if-none-match").unwrap_or_default().trim();
    tags == "*" || opaque(tags).iter().any(|tag| tag == current)
}

/// The tags of a list without quotes and weakness; the documents show bare ones too.
fn opaque(tags: &str) -> Vec<String> {
    let bare = |tag: &str| {
        let tag = tag.trim();
        tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"').to_owned()
    };
    tags.split(',').map(bare).filter(|tag| !tag.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, value: &str, current: Option<&str>) -> &'static str {
        let headers = [(name, value)].into_iter().collect();
        let policies = Policies::default();
        match Precondition::of(&headers, &policies).and_then(|precondition| precondition.check(current, &policies)) {
            Ok(()) => "met",
            Err(Refusal::Stale) => "stale",
            Err(Refusal::Unmet) => "unmet",
            Err(_) => "other",
        }
    }

    #[test]
    fn every_way_meets_both_states() {
        for (name, value, absent, current) in [
            ("if-match", "", "met", "met"),
            ("if-match", "*", "unmet", "met"),
            ("if-none-match", "*", "met", "unmet"),
            ("if-match", "\"e1\"", "unmet", "met"),
            ("if-match", "W/\"e1\"", "unmet", "met"),
            ("if-match", "e1", "unmet", "met"),
            ("if-match", "\"e0\", \"e1\"", "unmet", "met"),
            ("if-match", "\"e0\"", "unmet", "stale"),
            ("if-none-match", "\"e1\"", "met", "unmet"),
            ("if-none-match", "\"e0\"", "met", "met"),
        ] {
            assert_eq!(check(name, value, None), absent, "{name}: {value}, no session");
            assert_eq!(check(name, value, Some("e1")), current, "{name}: {value}");
        }
    }

    #[test]
    fn both_at_once_is_an_error() {
        let headers = [("if-match", "*"), ("if-none-match", "*")].into_iter().collect();
        let mut policies = Policies::default();
        assert!(matches!(Precondition::of(&headers, &policies), Err(Refusal::Invalid(_))));
        policies.both_conditions_refused = false;
        assert_eq!(Precondition::of(&headers, &policies).unwrap(), Precondition::Exists);
    }
}
