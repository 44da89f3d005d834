//! A search filter: comparisons joined by `and` and one `or`, and whether a session passes them.

use std::cmp::Ordering;

use jiff::Timestamp;

use super::path::{Collection, NumberPath, TextPath, TimePath};
use super::subject::Subject;

/// A filter, read.
#[derive(Debug, PartialEq)]
pub(in crate::emulator) struct Filter(pub(super) Expression);

/// What must hold.
#[derive(Debug, PartialEq)]
pub(super) enum Expression {
    /// At least one of them.
    Any(Vec<Self>),
    /// All of them.
    All(Vec<Self>),
    /// A comparison.
    Test(Test),
}

/// One comparison.
#[derive(Debug, PartialEq)]
pub(super) enum Test {
    /// A text against a text.
    Text {
        /// What is looked at.
        path: TextPath,
        /// Whether its case counts.
        case: Case,
        /// How the two must stand.
        operator: Operator,
        /// What it is held against.
        literal: String,
    },
    /// A number against a number.
    Number {
        /// What is looked at.
        path: NumberPath,
        /// How the two must stand.
        operator: Operator,
        /// What it is held against.
        literal: f64,
    },
    /// A moment against a moment.
    Time {
        /// What is looked at.
        path: TimePath,
        /// How the two must stand.
        operator: Operator,
        /// What it is held against.
        literal: Timestamp,
    },
    /// Any of several texts against a text; with `ne`, none of them.
    Element {
        /// What is looked at.
        collection: Collection,
        /// Whether their case counts.
        case: Case,
        /// How one of them must stand.
        operator: Operator,
        /// What they are held against.
        literal: String,
        /// What the whole is compared to, `true` unless stated.
        wanted: bool,
    },
}

/// How a stored text is read. The filter's own text always stands as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    /// In lower case.
    Lowered,
    /// As written.
    Written,
}

/// How two values must stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Eq,
    Ne,
    /// `ne` that an absent value does not pass.
    Differs,
    Gt,
    Ge,
    Lt,
    Le,
}

impl Filter {
    /// True when the session passes.
    pub(in crate::emulator) fn accepts(&self, subject: &Subject<'_>) -> bool {
        self.0.holds(subject)
    }
}

impl Expression {
    fn holds(&self, subject: &Subject<'_>) -> bool {
        match self {
            Self::Any(parts) => parts.iter().any(|part| part.holds(subject)),
            Self::All(parts) => parts.iter().all(|part| part.holds(subject)),
            Self::Test(test) => test.holds(subject),
        }
    }
}

impl Test {
    fn holds(&self, subject: &Subject<'_>) -> bool {
        match self {
            Self::Text { path, case, operator, literal } => {
                let order = subject.text(path).map(|text| case.read(text).as_str().cmp(literal));
                operator.admits(order)
            }
            Self::Number { path, operator, literal } => {
                operator.admits(subject.number(path).and_then(|number| number.partial_cmp(literal)))
            }
            Self::Time { path, operator, literal } => {
                operator.admits(subject.time(*path).map(|time| time.cmp(literal)))
            }
            Self::Element { collection, case, operator, literal, wanted } => {
                let texts = subject.texts(*collection);
                let orders = || texts.iter().map(|text| Some(case.read(text).as_str().cmp(literal)));
                let holds = match operator {
                    Operator::Ne => orders().all(|order| operator.admits(order)),
                    _ => orders().any(|order| operator.admits(order)),
                };
                holds == *wanted
            }
        }
    }
}

impl Case {
    /// A text as comparisons see it.
    pub(super) fn read(self, text: &str) -> String {
        match self {
            Self::Lowered => text.to_lowercase(),
            Self::Written => text.to_owned(),
        }
    }
}

impl Operator {
    /// The operator of that name, in any case.
    pub(super) fn named(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "eq" => Some(Self::Eq),
            "ne" => Some(Self::Ne),
            "gt" => Some(Self::Gt),
            "ge" => Some(Self::Ge),
            "lt" => Some(Self::Lt),
            "le" => Some(Self::Le),
            _ => None,
        }
    }

    /// Whether two values may stand like this; a value that is not there is unequal to everything.
    fn admits(self, order: Option<Ordering>) -> bool {
        match (self, order) {
            (Self::Ne, order) => order != Some(Ordering::Equal),
            (_, None) => false,
            (Self::Differs, Some(order)) => order.is_ne(),
            (Self::Eq, Some(order)) => order.is_eq(),
            (Self::Gt, Some(order)) => order.is_gt(),
            (Self::Ge, Some(order)) => order.is_ge(),
            (Self::Lt, Some(order)) => order.is_lt(),
            (Self::Le, Some(order)) => order.is_le(),
        }
    }
}
