//! The grammar: what reads, what does not and where, and that nothing a client writes brings it down.

use proptest::prelude::*;

use super::Filter;
use super::filter::{Case, Expression, Operator, Test};
use super::path::{NumberPath, TextPath};
use crate::emulator::caps;
use crate::emulator::policy::Policies;

fn refused(filter: &str) -> String {
    let refusal = Filter::parse(filter, &Policies::default()).unwrap_err().to_string();
    refusal.strip_prefix("The filter is not valid: at byte ").unwrap().trim_end_matches('.').to_owned()
}

fn number(name: &str) -> Expression {
    let path = NumberPath::Attribute(name.to_owned());
    Expression::Test(Test::Number { path, operator: Operator::Eq, literal: 1.0 })
}

#[test]
fn and_binds_tighter_than_or_and_parentheses_tighter_than_both() {
    let parse = |filter| Filter::parse(filter, &Policies::default()).unwrap().0;
    let (a, b, c) = (|| number("a"), || number("b"), || number("c"));
    assert_eq!(
        parse("numbers/a eq 1 or numbers/b eq 1 AND numbers/c eq 1"),
        Expression::Any(vec![a(), Expression::All(vec![b(), c()])])
    );
    assert_eq!(
        parse("(numbers/a eq 1 or numbers/b eq 1) and ((numbers/c eq 1))"),
        Expression::All(vec![Expression::Any(vec![a(), b()]), c()])
    );
}

#[test]
fn a_quote_is_written_twice() {
    let filter = Filter::parse("tolower(strings/a) eq 'it''s''' ", &Policies::default()).unwrap();
    let path = TextPath::Attribute("a".to_owned());
    let literal = "it's'".to_owned();
    let test = Test::Text { path, case: Case::Lowered, operator: Operator::Eq, literal };
    assert_eq!(filter.0, Expression::Test(test));
}

#[test]
fn faults_have_a_place() {
    let many = "numbers/a eq 1 and ".repeat(caps::FILTER_TERMS);
    let deep = |depth: usize| format!("{}numbers/a eq 1{}", "(".repeat(depth), ")".repeat(depth));
    Filter::parse(&deep(caps::FILTER_DEPTH), &Policies::default()).unwrap();
    let long = format!("{}^", " ".repeat(caps::FILTER));
    for (marked, fault) in [
        (" ^", "an attribute is expected"),
        ("numbers/a^", "an operator is expected"),
        ("numbers/a ^is 1", "an operator is expected"),
        ("numbers/a eq^", "a number is expected"),
        ("numbers/a eq ^'1'", "a number is expected"),
        ("numbers/a eq ^NaN", "a number is expected"),
        ("numbers/a eq ^1e999", "a number is expected"),
        ("strings/a eq ^1", "a text in single quotes is expected"),
        ("strings/a eq ^'x", "a text has no closing quote"),
        ("^strings/1 eq 'x'", "the attribute is not known"),
        ("^colour eq 'x'", "the attribute is not known"),
        ("^session/age eq 1", "the attribute is not known"),
        ("^session/roles/a/b eq 1", "the attribute is not known"),
        ("session/postedTime lt ^'soon'", "a point in time is expected"),
        ("tolower(^numbers/a) eq 1", "tolower applies to strings only"),
        ("tolower(strings/a ^eq 'x'", "a closing parenthesis is expected"),
        ("^games/any(d:d eq 'x')", "the collection is not known"),
        ("tags/any(d ^d eq 'x')", "a colon is expected"),
        ("tags/any(d:^e eq 'x')", "the variable is expected"),
        ("tags/any(d:tolower(d ^eq 'x')", "a closing parenthesis is expected"),
        ("tags/any(d:d eq 'x'^", "a closing parenthesis is expected"),
        ("tags/any(d:d eq 'x') eq ^maybe", "true or false is expected"),
        ("^not numbers/a eq 1", "the attribute is not known"),
        ("numbers/a eq 1 ^numbers/b eq 1", "and, or or the end is expected"),
        ("numbers/a eq 1^)", "and, or or the end is expected"),
        ("(numbers/a eq 1^", "a closing parenthesis is expected"),
        ("^numbers/é eq 1", "the attribute is not known"),
        ("é^' ", "a text has no closing quote"),
        (&deep(caps::FILTER_DEPTH + 1).replacen("(n", "^(n", 1), "the parentheses are too deep"),
        (&format!("{many}^numbers/a eq 1"), "there are too many comparisons"),
        (&format!("{long} "), "it is too long"),
    ] {
        let at = marked.find('^').unwrap();
        assert_eq!(refused(&marked.replace('^', "")), format!("{at}, {fault}"), "{marked}");
    }
}

#[test]
fn how_many_or_and_where_is_a_policy() {
    let twice = "numbers/a eq 1 or numbers/b eq 1 or numbers/c eq 1";
    assert!(refused(twice).ends_with("an or too many stands there"));
    let inside = "(numbers/a eq 1 or numbers/b eq 1)";
    let strict = Policies { filter_nested_or: false, ..Policies::default() };
    let refusal = Filter::parse(inside, &strict).unwrap_err().to_string();
    assert_eq!(refusal, "The filter is not valid: at byte 16, an or stands in parentheses.");
    let free = Policies { filter_ors: 2, ..Policies::default() };
    assert!(Filter::parse(twice, &free).is_ok());
}

#[test]
fn an_unlowered_text_may_keep_its_case() {
    let written = Policies { filter_lowers: false, ..Policies::default() };
    let case = |filter, policies: &Policies| match Filter::parse(filter, policies).unwrap().0 {
        Expression::Test(Test::Text { case, .. } | Test::Element { case, .. }) => case,
        other => panic!("{other:?}"),
    };
    for filter in ["strings/a eq 'X'", "tags/any(d:d eq 'X')"] {
        assert_eq!(case(filter, &written), Case::Written);
        assert_eq!(case(filter, &Policies::default()), Case::Lowered);
    }
    assert_eq!(case("tolower(strings/a) eq 'x'", &written), Case::Lowered);
}

/// Texts made of what filters are made of, so that they get far before they go wrong.
fn nearly() -> impl Strategy<Value = String> {
    let pieces = [
        "(",
        ")",
        ":",
        "'",
        "''",
        "'x'",
        "and",
        "or",
        "eq",
        "ne",
        "le",
        "tolower",
        "tolower(",
        "tags/any(",
        "d",
        "d:",
        "strings/a",
        "numbers/b",
        "session/needs",
        "session/postedTime",
        "1",
        "-2.5",
        "true",
        "false",
        "é",
        "\u{3000}",
        "/",
    ];
    proptest::collection::vec((proptest::sample::select(pieces.to_vec()), "[ ]{0,2}"), 0..60)
        .prop_map(|pieces| pieces.into_iter().map(|(piece, gap)| format!("{piece}{gap}")).collect())
}

proptest! {
    #[test]
    fn nothing_panics(filter in prop_oneof![nearly(), any::<String>()]) {
        if let Err(refusal) = Filter::parse(&filter, &Policies::default()) {
            let reason = refusal.to_string();
            prop_assert!(reason.starts_with("The filter is not valid: at byte "), "{}", reason);
        }
    }

    #[test]
    fn depth_is_bounded(open in 0_usize..2_000, close in 0_usize..2_000) {
        let filter = format!("{}numbers/a eq 1{}", "(".repeat(open), ")".repeat(close));
        let reads = Filter::parse(&filter, &Policies::default()).is_ok();
        prop_assert_eq!(reads, open == close && open <= caps::FILTER_DEPTH);
    }
}
