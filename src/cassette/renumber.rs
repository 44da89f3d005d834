//! Gives every alias its canonical text, in the order of first appearance.
//!
//! While recording, aliases are numbered as they come, and which comes first depends on timing. A canonical text may
//! already be the text of another alias, so all of them are replaced in one pass.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use aho_corasick::{AhoCorasick, BuildError, MatchKind};
use bytes::Bytes;
use serde_json::value::RawValue;

use super::Record;
use super::body::{Content, StoredBody, restore};
use super::record::{RecordedRequest, RecordedResponse};
use crate::message::Headers;
use crate::slot::alias::{AliasClass, CLASSES, canonical};

/// Renumbers the aliases in records that are in canonical order; gives back the new table of aliases.
///
/// Classes this build does not know keep their texts. An alias that no record shows is left out.
pub(super) fn renumber(
    records: &mut [Record],
    aliases: &BTreeMap<String, Vec<String>>,
) -> Result<BTreeMap<String, Vec<String>>, BuildError> {
    let (pool, numbering) = settle(records, aliases)?;
    for record in records {
        rewrite(record, &mut |text| pool.replace(text, &numbering));
    }
    let (_, mut table) = by_class(aliases);
    for (class, count) in numbering.counts {
        table.insert(class.name().to_owned(), (1..=count).map(|n| canonical(class, n)).collect());
    }
    Ok(table)
}

/// Finds the aliases to renumber, and their numbers.
///
/// A canonical text that stands in a record without being in the table (a hand edit, say) is taken for an alias too:
/// otherwise another alias could be given its text. The search widens until no text given out can be such a one.
fn settle(records: &mut [Record], aliases: &BTreeMap<String, Vec<String>>) -> Result<(Pool, Numbering), BuildError> {
    let (known, _) = by_class(aliases);
    let mut reach: BTreeMap<AliasClass, u64> = known.iter().map(|(class, texts)| (*class, length(texts))).collect();
    loop {
        let named = known.iter().flat_map(|(class, texts)| texts.iter().map(|text| (*class, text.clone())));
        let canon = reach.iter().flat_map(|(class, reach)| (1..=*reach).map(|n| (*class, canonical(*class, n))));
        let pool = Pool::new(named.chain(canon))?;
        let numbering = pool.number(records);
        let short = numbering.counts.iter().find(|(class, count)| **count > reach.get(class).copied().unwrap_or(0));
        let Some((class, count)) = short else {
            return Ok((pool, numbering));
        };
        reach.insert(*class, count * 2);
    }
}

/// The texts of the classes we know, and the rest of the table.
fn by_class(
    aliases: &BTreeMap<String, Vec<String>>,
) -> (BTreeMap<AliasClass, Vec<String>>, BTreeMap<String, Vec<String>>) {
    let known = CLASSES.into_iter().filter_map(|class| Some((class, aliases.get(class.name())?.clone()))).collect();
    let unknown = aliases.iter().filter(|(name, _)| AliasClass::named(name).is_none());
    (known, unknown.map(|(name, texts)| (name.clone(), texts.clone())).collect())
}

fn length(texts: &[String]) -> u64 {
    u64::try_from(texts.len()).unwrap_or(u64::MAX)
}

/// Every text to look for.
struct Pool {
    matcher: AhoCorasick,
    classes: HashMap<Vec<u8>, AliasClass>,
}

/// The number of each text that was found, and how many each class has.
#[derive(Default)]
struct Numbering {
    numbers: HashMap<Vec<u8>, u64>,
    counts: BTreeMap<AliasClass, u64>,
}

impl Pool {
    fn new(texts: impl Iterator<Item = (AliasClass, String)>) -> Result<Self, BuildError> {
        let mut classes = HashMap::new();
        for (class, text) in texts.filter(|(_, text)| !text.is_empty()) {
            let key = if class.folds_case() { text.to_ascii_lowercase() } else { text };
            classes.entry(key.into_bytes()).or_insert(class);
        }
        let mut patterns: Vec<&[u8]> = classes.keys().map(Vec::as_slice).collect();
        patterns.sort_unstable();
        let matcher = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::LeftmostLongest)
            .build(&patterns)?;
        Ok(Self { matcher, classes })
    }

    /// Where aliases stand in a text: their spans, keys and classes.
    fn find(&self, text: &[u8]) -> impl Iterator<Item = (Range<usize>, Vec<u8>, AliasClass)> {
        self.matcher.find_iter(text).map(|found| found.range()).filter_map(move |span| {
            let spelling = &text[span.clone()];
            let (key, class) = self.class_of(spelling)?;
            stands_alone(text, &span).then_some((span, key, class))
        })
    }

    fn class_of(&self, spelling: &[u8]) -> Option<(Vec<u8>, AliasClass)> {
        if let Some(class) = self.classes.get(spelling) {
            return Some((spelling.to_vec(), *class));
        }
        let folded = spelling.to_ascii_lowercase();
        let class = self.classes.get(&folded).copied().filter(|class| class.folds_case())?;
        Some((folded, class))
    }

    fn number(&self, records: &mut [Record]) -> Numbering {
        let mut numbering = Numbering::default();
        for record in records {
            rewrite(record, &mut |text| {
                for (_, key, class) in self.find(text) {
                    let Numbering { numbers, counts } = &mut numbering;
                    numbers.entry(key).or_insert_with(|| {
                        let count = counts.entry(class).or_default();
                        *count += 1;
                        *count
                    });
                }
                None
            });
        }
        numbering
    }

    /// The text with every alias in its canonical form; `None` when that changes nothing.
    fn replace(&self, text: &[u8], numbering: &Numbering) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        let mut copied = 0;
        for (span, key, class) in self.find(text) {
            let Some(n) = numbering.numbers.get(&key) else { continue };
            out.extend_from_slice(&text[copied..span.start]);
            out.extend_from_slice(in_case_of(&text[span.clone()], class, canonical(class, *n)).as_bytes());
            copied = span.end;
        }
        out.extend_from_slice(&text[copied..]);
        (out != text).then_some(out)
    }
}

/// A hex value written in capitals stays in capitals.
fn in_case_of(spelling: &[u8], class: AliasClass, text: String) -> String {
    let capitals = spelling.iter().any(u8::is_ascii_uppercase) && !spelling.iter().any(u8::is_ascii_lowercase);
    if class.folds_case() && capitals { text.to_ascii_uppercase() } else { text }
}

/// True when an alias is a token of its own and no part of a longer one.
fn stands_alone(text: &[u8], span: &Range<usize>) -> bool {
    let before = &text[..span.start];
    let begins = !before.last().is_some_and(u8::is_ascii_alphanumeric) || ends_with_escape(before);
    begins && !text.get(span.end).is_some_and(u8::is_ascii_alphanumeric)
}

/// True when the letters and digits before a token belong to an escape: `%2F`, `\n`, `\u000a`.
fn ends_with_escape(before: &[u8]) -> bool {
    let is_hex = |digits: &[u8]| digits.iter().all(u8::is_ascii_hexdigit);
    let escaped = |at: usize| before[..at].iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1;
    match before {
        [.., b'%', high, low] if is_hex(&[*high, *low]) => true,
        [.., b'u', a, b, c, d] if is_hex(&[*a, *b, *c, *d]) && escaped(before.len() - 5) => true,
        [.., b'b' | b'f' | b'n' | b'r' | b't'] => escaped(before.len() - 1),
        _ => false,
    }
}

/// Hands every text of a record that may hold an alias to `replace`, always in the same order.
fn rewrite(record: &mut Record, replace: &mut impl FnMut(&[u8]) -> Option<Vec<u8>>) {
    match record {
        Record::Http(http) => {
            let RecordedRequest { authority, target, headers, body, trailers, .. } = &mut http.request;
            rewrite_text(authority, replace);
            rewrite_text(target, replace);
            rewrite_message(headers, body.as_mut(), trailers, replace);
            let RecordedResponse { headers, body, trailers, .. } = &mut http.response;
            rewrite_message(headers, body.as_mut(), trailers, replace);
        }
        Record::Mark(mark) => rewrite_text(&mut mark.text, replace),
    }
}

fn rewrite_text(text: &mut String, replace: &mut impl FnMut(&[u8]) -> Option<Vec<u8>>) {
    if let Some(new) = replace(text.as_bytes()).and_then(|new| String::from_utf8(new).ok()) {
        *text = new;
    }
}

fn rewrite_message(
    headers: &mut Headers,
    body: Option<&mut StoredBody>,
    trailers: &mut Headers,
    replace: &mut impl FnMut(&[u8]) -> Option<Vec<u8>>,
) {
    rewrite_headers(headers, replace);
    if let Some(body) = body
        && let Some(new) = rewritten(body.content(), replace)
    {
        let before = restore(Some(body), headers).wire().len();
        body.rewrite(new);
        let after = restore(Some(body), headers).wire().len();
        let lengths = headers.iter_mut().filter(|header| header.name == "content-length");
        for length in lengths.filter(|length| length.value == before.to_string().as_bytes()) {
            length.value = Bytes::from(after.to_string());
        }
    }
    rewrite_headers(trailers, replace);
}

fn rewrite_headers(headers: &mut Headers, replace: &mut impl FnMut(&[u8]) -> Option<Vec<u8>>) {
    for header in headers.iter_mut() {
        if let Some(new) = replace(&header.value) {
            header.value = Bytes::from(new);
        }
    }
}

fn rewritten(content: &Content, replace: &mut impl FnMut(&[u8]) -> Option<Vec<u8>>) -> Option<Content> {
    match content {
        Content::Json(raw) => {
            let text = String::from_utf8(replace(raw.get().as_bytes())?).ok()?;
            RawValue::from_string(text).ok().map(Content::Json)
        }
        Content::Text(text) => String::from_utf8(replace(text.as_bytes())?).ok().map(Content::Text),
        Content::Bytes(bytes) => replace(bytes).map(|new| Content::Bytes(Bytes::from(new))),
        Content::Withheld(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cassette::Mark;

    fn table(entries: &[(AliasClass, &[&str])]) -> BTreeMap<String, Vec<String>> {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        entries.iter().map(|(class, texts)| (class.name().to_owned(), owned(texts))).collect()
    }

    fn run(texts: &[&str], aliases: &BTreeMap<String, Vec<String>>) -> (Vec<String>, BTreeMap<String, Vec<String>>) {
        let mark = |text: &&str| Record::Mark(Mark { at_position: 0, text: (*text).to_owned() });
        let mut records: Vec<Record> = texts.iter().map(mark).collect();
        let table = renumber(&mut records, aliases).unwrap();
        let text = |record: &Record| match record {
            Record::Mark(mark) => mark.text.clone(),
            Record::Http(_) => String::new(),
        };
        (records.iter().map(text).collect(), table)
    }

    #[test]
    fn texts_that_trade_places_are_replaced_at_once() {
        let aliases = table(&[(AliasClass::Xuid, &["9000000000000001", "9000000000000002"])]);
        let (texts, again) = run(&["xuid(9000000000000002)", "9000000000000001,9000000000000002"], &aliases);
        assert_eq!(texts, ["xuid(9000000000000001)", "9000000000000002,9000000000000001"]);
        assert_eq!(again, aliases);
    }

    #[test]
    fn only_whole_tokens_count_and_escapes_are_no_part_of_them() {
        let aliases = table(&[(AliasClass::Gamertag, &["Player9007"])]);
        for (text, expected) in [
            ("xPlayer9007 Player90071", "xPlayer9007 Player90071"),
            ("a%2FPlayer9007", "a%2FPlayer9001"),
            ("a\\nPlayer9007\\u000aPlayer9007", "a\\nPlayer9001\\u000aPlayer9001"),
            ("a\\\\nPlayer9007", "a\\\\nPlayer9007"),
            ("player9007 Player9007", "player9007 Player9001"),
        ] {
            assert_eq!(run(&[text], &aliases).0, [expected]);
        }
    }

    #[test]
    fn hex_tokens_keep_their_case() {
        let aliases = table(&[(AliasClass::DeviceToken, &["D0000000000000000000000000000009"])]);
        let (texts, table) = run(&["d0000000000000000000000000000009 D0000000000000000000000000000009"], &aliases);
        assert_eq!(texts, ["d0000000000000000000000000000001 D0000000000000000000000000000001"]);
        assert_eq!(table["device-token"], ["d0000000000000000000000000000001"]);
    }

    #[test]
    fn a_stray_canonical_text_is_never_given_to_another() {
        let aliases = table(&[(AliasClass::Xuid, &["9000000000000007"])]);
        let (texts, table) = run(&["9000000000000001 9000000000000002", "9000000000000007"], &aliases);
        assert_eq!(texts, ["9000000000000001 9000000000000002", "9000000000000003"]);
        assert_eq!(table["xuid"].len(), 3);
        assert_eq!(run(&[&texts[0], &texts[1]], &table).0, texts);
    }

    #[test]
    fn unused_aliases_go_and_unknown_classes_stay() {
        let mut aliases = table(&[(AliasClass::Email, &["user7@example.invalid"])]);
        aliases.insert("console".into(), vec!["box-3".into()]);
        let (texts, table) = run(&["box-3"], &aliases);
        assert_eq!((texts[0].as_str(), table.len(), table["console"][0].as_str()), ("box-3", 1, "box-3"));
    }
}
