//! What a write leaves open: it merges into data that is not seen here.

use std::borrow::Cow;

use jsonschema::ValidationError;
use serde_json::Value;

/// The value without the nulls that delete something. Inside a list null is a value like any other.
pub(super) fn without_nulls(value: &Value) -> Cow<'_, Value> {
    let Value::Object(members) = value else {
        return Cow::Borrowed(value);
    };
    let kept = members.iter().filter(|(_, value)| !value.is_null());
    Cow::Owned(kept.map(|(name, value)| (name.clone(), without_nulls(value).into_owned())).collect())
}

/// True for a failure that the rest of the data may make good.
pub(super) fn may_be_met(value: &Value, error: &ValidationError<'_>) -> bool {
    if stands_in_list(value, error.instance_path().as_str()) {
        return false;
    }
    let speaks_of_all = error.instance().is_object() && OF_WHOLE_OBJECTS.contains(&error.kind().keyword());
    speaks_of_all || is_conditional(error.evaluation_path().as_str())
}

/// True when a list is on the way to a value: a list is replaced as a whole.
fn stands_in_list(value: &Value, pointer: &str) -> bool {
    let mut at = value;
    for step in pointer.split('/').skip(1) {
        match at {
            Value::Object(members) => match members.get(&step.replace("~1", "/").replace("~0", "~")) {
                Some(next) => at = next,
                None => return false,
            },
            Value::Array(_) => return true,
            _ => return false,
        }
    }
    false
}

/// True when a keyword holds only under a condition, which the rest of the data may change.
fn is_conditional(path: &str) -> bool {
    let mut steps = path.split('/').skip(1);
    while let Some(step) = steps.next() {
        match step {
            "then" | "else" | "dependentSchemas" | "dependencies" => return true,
            // What follows is a name, not a keyword.
            "properties" | "patternProperties" | "$defs" | "definitions" => {
                steps.next();
            }
            _ => {}
        }
    }
    false
}

/// Keywords that ask an object for what it may have already, or judge it by all it has.
const OF_WHOLE_OBJECTS: [&str; 13] = [
    "required",
    "minProperties",
    "dependentRequired",
    "dependencies",
    "const",
    "enum",
    "anyOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "unevaluatedProperties",
];
