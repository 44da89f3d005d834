//! Every example of the catalogue with one value of it grown out of all proportion: wide, deep, long, or a number nobody
//! sends. It is judged without a panic, twice alike, and in few words.

use proptest::prelude::*;
use proptest::sample::Index;

use super::super::example::{Step, steps};
use super::*;
use crate::json::join_pointer;
use crate::message::Body;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_grown_value_is_judged_in_few_words(rule: Index, is_bad: bool, at: Index, growth in growths()) {
        let rule = rule.get(rules());
        for step in steps(if is_bad { rule.bad } else { rule.good }) {
            let found = judged_twice(step, at, &growth);
            prop_assert!(found.len() <= 2 * REPORTED_AT_MOST, "{} findings", found.len());
            for finding in found {
                let said = finding.message.len() + finding.place.to_string().len();
                prop_assert!(said < 4_000, "{} takes {said} bytes", finding.rule.id);
            }
        }
    }
}

/// What is said of a step, in which one value of each document has grown.
fn judged_twice(step: Step, at: Index, growth: &Growth) -> Vec<Finding> {
    match step {
        Step::Message(from, mut message) => {
            message.payload = grown(&message.payload, at, growth).into();
            let found = CONTRACT.check_message(from, &message);
            assert_eq!(found, CONTRACT.check_message(from, &message));
            found
        }
        Step::Exchange(mut example) => {
            let request = &mut example.call.request;
            request.body = Body::plain(grown(request.body.wire(), at, growth));
            if let Some(answer) = &mut example.answer {
                answer.response.body = Body::plain(grown(answer.response.body.wire(), at, growth));
            }
            let found = judged(&example);
            assert_eq!(found, judged(&example));
            found
        }
    }
}

/// How a value grows.
#[derive(Clone, Debug)]
enum Growth {
    /// Into an array of copies.
    Items(usize),
    /// Into an object of copies.
    Names(&'static str, usize),
    /// Into an object with one name for all copies.
    OneName(usize),
    /// Into the innermost of arrays or objects.
    Deep(&'static str, &'static str, usize),
    /// Into a string.
    Long(&'static str, usize),
    /// Into a number, as it is written.
    Number(&'static str),
}

fn growths() -> impl Strategy<Value = Growth> {
    let many = prop::sample::select(&[0_usize, 2, 99, 101, 20_000][..]);
    let names = prop::sample::select(&["n", "me_", "reserve_", "", "N/~", "é"][..]);
    let pairs = prop::sample::select(&[("[", "]"), ("{\"a\":", "}"), ("{\"system\":", "}"), ("[[],", "]")][..]);
    let depths = prop::sample::select(&[3_usize, 90, 99, 130, 20_000][..]);
    let letters = prop::sample::select(&["a", "é", "%", "\\u0000", "\\ud800", "/", "(", "'", "not ", "a eq 1 or "][..]);
    let lengths = prop::sample::select(&[0_usize, 1, 101, 257, 20_000, 200_000][..]);
    prop_oneof![
        many.clone().prop_map(Growth::Items),
        (names, many.clone()).prop_map(|(name, many)| Growth::Names(name, many)),
        many.prop_map(Growth::OneName),
        (pairs, depths).prop_map(|((open, close), depth)| Growth::Deep(open, close, depth)),
        (letters, lengths).prop_map(|(letter, length)| Growth::Long(letter, length)),
        prop::sample::select(NUMBERS).prop_map(Growth::Number),
    ]
}

const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "-1",
    "0.5",
    "1.0",
    "1e2",
    "1E-2",
    "1e400",
    "-1e400",
    "1e-400",
    "4294967296",
    "9007199254740993",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775809",
    "100000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
];

/// The document with one of its values grown; as it is when it is no JSON.
fn grown(text: &[u8], at: Index, growth: &Growth) -> Vec<u8> {
    let Ok(mut document) = serde_json::from_slice::<Value>(text) else {
        return text.to_vec();
    };
    let mut pointers = Vec::new();
    places(String::new(), &document, &mut pointers);
    let place = document.pointer_mut(at.get::<String>(&pointers)).unwrap();
    let old = std::mem::replace(place, Value::from(MARK)).to_string();
    document.to_string().replace(&format!("\"{MARK}\""), &growth.of(&old)).into_bytes()
}

fn places(pointer: String, value: &Value, all: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| places(join_pointer(&pointer, name), value, all));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, value)| places(format!("{pointer}/{index}"), value, all));
        }
        _ => {}
    }
    all.push(pointer);
}

impl Growth {
    fn of(&self, old: &str) -> String {
        // What is past a megabyte would be left to the scanner.
        let copies = |many: usize| 0..many.min(300_000 / (old.len() + 8));
        let joined = |parts: Vec<String>| parts.join(",");
        match self {
            Self::Items(many) => format!("[{}]", joined(copies(*many).map(|_| old.to_owned()).collect())),
            Self::Names(name, many) => {
                format!("{{{}}}", joined(copies(*many).map(|at| format!("\"{name}{at}\":{old}")).collect()))
            }
            Self::OneName(many) => {
                format!("{{{}}}", joined(copies(*many).map(|_| format!("\"system\":{old}")).collect()))
            }
            Self::Deep(open, close, depth) => format!("{}{old}{}", open.repeat(*depth), close.repeat(*depth)),
            Self::Long(letter, length) => format!("\"{}\"", letter.repeat(*length)),
            Self::Number(number) => (*number).to_owned(),
        }
    }
}

const MARK: &str = "@grown@";
