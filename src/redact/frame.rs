//! Messages on a socket: JSON arrays mostly, with resource URIs that name users.

use std::ops::Range;

use bytes::Bytes;

use super::judges::FirstJudge;
use super::pass::{Content, Pass};
use super::{Redacted, Redactor};
use crate::json::Doc;
use crate::slot::alias::AliasClass;
use crate::slot::{Class, Judge, Role, settle};
use crate::socket::{Message, Opcode, refitted};

impl Redactor {
    /// A message that may be kept.
    pub fn message(&self, message: &Message) -> Redacted<Message> {
        let (code, said) = parts(message);
        let content = content(said);
        let mut pass = Pass::new(self, None);
        pass.learn(content.slots(&Users(&FirstJudge)));
        let slots = content.slots(&Users(&pass.judge()));
        let spliced = pass.spliced(said, &slots);
        redacted(pass, message, code, spliced)
    }

    /// A message kept before, looked through once more for what has become known since.
    pub fn message_again(&self, message: &Message) -> Redacted<Message> {
        let (code, said) = parts(message);
        let mut pass = Pass::again(self, None);
        let slots = content(said).slots(&pass.judge());
        let spliced = pass.spliced(said, &slots);
        redacted(pass, message, code, spliced)
    }
}

/// A close message's code, and what is said besides.
fn parts(message: &Message) -> (&[u8], &[u8]) {
    let at = if message.opcode == Opcode::Close { message.payload.len().min(2) } else { 0 };
    message.payload.split_at(at)
}

/// Some clients end their text with NULs or line ends: what stands before them is JSON all the same.
fn content(said: &[u8]) -> Content<'_> {
    let is_padding = |byte: &u8| *byte == 0 || byte.is_ascii_whitespace();
    let end = said.iter().rposition(|byte| !is_padding(byte)).map_or(0, |last| last + 1);
    match (Doc::parse(&said[..end]), std::str::from_utf8(said)) {
        (Ok(doc), _) => Content::Json(doc),
        (_, Ok(text)) => Content::Text(text),
        _ => Content::Opaque,
    }
}

fn redacted(mut pass: Pass<'_>, message: &Message, code: &[u8], said: Vec<u8>) -> Redacted<Message> {
    let payload = [code, &said].concat();
    if payload == message.payload {
        return pass.done(message.clone());
    }
    pass.body_changed = true;
    let fragments = refitted(&message.fragments, payload.len());
    pass.done(Message { payload: Bytes::from(payload), fragments, ..message.clone() })
}

/// Finds `xuid(N)` of any length besides: a resource URI says what the number is.
struct Users<'a>(&'a dyn Judge);

impl Judge for Users<'_> {
    fn judge(&self, text: &str, role: Role) -> Vec<(Range<usize>, Class)> {
        let mut spans = self.0.judge(text, role);
        spans.extend(text.match_indices(USER).filter_map(|(at, found)| {
            let start = at + found.len();
            let digits = text[start..].bytes().take_while(u8::is_ascii_digit).count();
            let value = &text[start..start + digits];
            let is_user = text[start + digits..].starts_with(')') && AliasClass::of_value(Class::Xuid, value).is_some();
            is_user.then_some((start..start + digits, Class::Xuid))
        }));
        settle(spans)
    }
}

const USER: &str = "xuid(";

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(redactor: &Redactor, message: &Message) -> String {
        String::from_utf8(redactor.message(message).message.payload.to_vec()).unwrap()
    }

    #[test]
    fn users_of_resource_uris_become_aliases_and_ids_of_the_service_stay() {
        let redactor = Redactor::new(1);
        for xuid in ["2814646326226712", "123456"] {
            let text = format!(r#"[1,0,"https://social.xboxlive.com/users/xuid({xuid})/friends"]"#);
            let alias = redactor.alias(Class::Xuid, xuid).unwrap();
            assert_eq!(kept(&redactor, &Message::text(text.as_str())), text.replace(xuid, &alias));
            let again = redactor.message_again(&redactor.message(&Message::text(text)).message);
            assert!(!again.body_changed);
        }
        let text = r#"[1,1,0,0,{ "ConnectionId":"0fe81338-ee96-46e3-a3b5-2dbbd6c41c3b" }]"#;
        assert_eq!(kept(&redactor, &Message::text(text)), text);
    }

    #[test]
    fn padding_hides_nothing_and_stays() {
        let redactor = Redactor::new(1);
        let text = "[3,0,{\"inviteInfo\":{\"senderModernGamertag\":\"Zoe Leaks\",\"n\":1.50}}]\r\n\0\0";
        let alias = redactor.alias(Class::Gamertag, "Zoe Leaks").unwrap();
        assert_eq!(kept(&redactor, &Message::text(text)), text.replace("Zoe Leaks", &alias));
    }

    #[test]
    fn other_texts_bytes_and_reasons_are_looked_through() {
        let redactor = Redactor::new(1);
        let alias = redactor.alias(Class::Xuid, "2814646326226712").unwrap();
        let mut close = Message::new(Opcode::Close, b"\x03\xe8gone: 2814646326226712".to_vec());
        close.fragments = vec![2, 3, 19];
        let redacted = redactor.message(&close);
        assert_eq!(&redacted.message.payload[..2], b"\x03\xe8");
        assert_eq!(&redacted.message.payload[2..], format!("gone: {alias}").as_bytes());
        assert_eq!(redacted.message.fragments.iter().sum::<usize>(), redacted.message.payload.len());
        assert_eq!(kept(&redactor, &Message::new(Opcode::Binary, "to 2814646326226712")), format!("to {alias}"));
        let bytes = Message::new(Opcode::Binary, vec![0xff, 0xfe, 0]);
        assert_eq!(redactor.message(&bytes).message, bytes);
    }
}
