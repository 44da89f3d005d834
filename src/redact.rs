//! What becomes an alias, and where: applied before anything is kept, logged or reported.
//!
//! Tokens, signatures, cookies, nonces and debug headers are removed. Xuids, gamertags, device tokens, secure device
//! addresses, IPs and e-mail addresses become consistent aliases of the same shape wherever they stand: in a target,
//! a header, a JSON value or key, or inside another string. A value is found by its place, by its shape, or because
//! an earlier place taught it to us. Of sign-in, nothing is kept but that it happened. What is left is scanned, and the scan fails closed: a body that still holds a
//! secret is withheld, whole.

mod frame;
mod header;
mod judges;
mod pass;
mod sign_in;
mod table;

use std::net::IpAddr;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use crate::dice::hex;
use crate::exchange::{Answer, Call};
use crate::message::{Request, Response};
use crate::mpsd::host::is_sign_in;
use crate::slot::alias::AliasClass;
use crate::slot::{self, Class, Judge, Role, Slot};
use judges::{FirstJudge, ScanJudge};
use pass::{Content, Pass};
use table::Table;

/// The one redactor of a run. Equal values get equal aliases; the way back exists in memory only.
#[derive(Debug)]
pub struct Redactor {
    table: Mutex<Table>,
}

/// A redacted message, and what was done to it.
#[derive(Clone, Debug, Default)]
pub struct Redacted<T> {
    /// The message as it may be kept.
    pub message: T,
    /// The aliases that stand in it.
    pub aliases: Vec<(AliasClass, String)>,
    /// The body differs from what was sent, so its wire bytes may not be kept.
    pub body_changed: bool,
    /// What is known of the body, when it was withheld.
    pub withheld: Option<Unkept>,
}

/// A body that is not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unkept {
    /// Why.
    pub reason: &'static str,
    /// How many bytes travelled; nothing when none were seen.
    pub length: u64,
    /// SHA-256 of the bytes that travelled, lower-case hex.
    pub sha256: String,
}

impl Unkept {
    /// What is known of these bytes.
    pub fn of(reason: &'static str, wire: &[u8]) -> Self {
        let length = u64::try_from(wire.len()).unwrap_or(u64::MAX);
        Self { reason, length, sha256: hex(&Sha256::digest(wire)) }
    }

    /// A body that nobody has seen, or should.
    pub fn unseen(reason: &'static str) -> Self {
        Self::of(reason, &[])
    }
}

impl<T> Redacted<T> {
    /// This message after one more look.
    #[must_use]
    pub fn then(&self, look: impl FnOnce(&T) -> Self) -> Self {
        let later = look(&self.message);
        Self {
            message: later.message,
            aliases: self.aliases.iter().cloned().chain(later.aliases).collect(),
            body_changed: self.body_changed || later.body_changed,
            withheld: self.withheld.clone().or(later.withheld),
        }
    }
}

/// The text that stands in place of a secret.
pub const REDACTED: &str = "redacted";

impl Redactor {
    /// A redactor whose aliases are drawn with `key`. Xuids are few enough to try out, so the key must be random
    /// wherever real ones are recorded.
    pub fn new(key: u64) -> Self {
        Self { table: Mutex::new(Table::new(key)) }
    }

    /// One that draws the same aliases and knows nothing yet.
    #[must_use]
    pub fn fresh(&self) -> Self {
        Self { table: Mutex::new(self.lock().fresh()) }
    }

    /// A call whose request may be kept.
    pub fn call(&self, call: &Call) -> Redacted<Call> {
        let request = &call.request;
        let content = Content::of(&request.body, &request.headers);
        let mut pass = Pass::new(self, call.resolution.operation());
        pass.learn(pass.in_target(&request.target, &FirstJudge));
        pass.learn_message(&request.headers, &request.trailers, &content);
        if is_sign_in(request.host()) {
            return sign_in::call(pass, call);
        }
        let redacted = Request {
            method: request.method.clone(),
            scheme: request.scheme,
            authority: pass.plain(&request.authority),
            target: pass.target(&request.target),
            headers: pass.headers(&request.headers),
            trailers: pass.headers(&request.trailers),
            body: pass.body(&request.body, &content),
        };
        let resolution = crate::mpsd::resolve(call.service, &redacted.method, &redacted.target);
        pass.done(Call { request: redacted, resolution, ..call.clone() })
    }

    /// An answer that may be kept.
    pub fn answer(&self, call: &Call, answer: &Answer) -> Redacted<Answer> {
        let response = &answer.response;
        let content = Content::of(&response.body, &response.headers);
        let mut pass = Pass::new(self, call.resolution.operation());
        pass.learn_message(&response.headers, &response.trailers, &content);
        if is_sign_in(call.request.host()) {
            return sign_in::answer(pass, answer);
        }
        let headers = pass.headers(&response.headers);
        let trailers = pass.headers(&response.trailers);
        let body = pass.body(&response.body, &content);
        pass.done(Answer {
            outcome: answer.outcome,
            response: Response { status: response.status, headers, body, trailers },
        })
    }

    /// A call kept before, looked through once more for what has become known since.
    pub fn call_again(&self, call: &Call) -> Redacted<Call> {
        let request = &call.request;
        let content = Content::of(&request.body, &request.headers);
        let mut pass = Pass::again(self, call.resolution.operation());
        let redacted = Request {
            target: pass.target(&request.target),
            headers: pass.headers(&request.headers),
            trailers: pass.headers(&request.trailers),
            body: pass.body(&request.body, &content),
            ..request.clone()
        };
        pass.done(Call { request: redacted, ..call.clone() })
    }

    /// An answer kept before, looked through once more for what has become known since.
    pub fn answer_again(&self, call: &Call, answer: &Answer) -> Redacted<Answer> {
        let response = &answer.response;
        let content = Content::of(&response.body, &response.headers);
        let mut pass = Pass::again(self, call.resolution.operation());
        let redacted = Response {
            status: response.status,
            headers: pass.headers(&response.headers),
            trailers: pass.headers(&response.trailers),
            body: pass.body(&response.body, &content),
        };
        pass.done(Answer { outcome: answer.outcome, response: redacted })
    }

    /// How many aliases there are.
    pub fn aliases(&self) -> usize {
        self.lock().aliases()
    }

    /// A text that may be shown to anybody.
    pub fn text(&self, text: &str) -> String {
        self.text_but(text, |_| false)
    }

    /// A line that may be logged here: clients of networks without a name in the world go by their addresses, or nobody
    /// could tell which machine a line is about.
    pub fn log_line(&self, line: &str) -> String {
        self.text_but(line, |slot| slot.class == Class::Ip && slot.text.parse().is_ok_and(is_nearby))
    }

    fn text_but(&self, text: &str, stays: impl Fn(&Slot) -> bool) -> String {
        let judge = ScanJudge { known: self.lock().known() };
        let slots = slot::in_text(text, &judge);
        let spliced = slot::splice(text.as_bytes(), &slots, |slot| {
            if stays(slot) {
                return None;
            }
            let mut table = self.lock();
            let is_done = slot.text.ends_with(REDACTED) || table.is_alias(slot.class, &slot.text);
            (!is_done).then(|| table.alias_or_secret(slot.class, &slot.text))
        });
        String::from_utf8(spliced).unwrap_or_else(|_| REDACTED.to_owned())
    }

    /// The last look before a write: false when anything is left that looks like, or is known to be, somebody's.
    pub fn is_clean(&self, record: &[u8]) -> bool {
        let text = String::from_utf8_lossy(record);
        let mut table = self.lock();
        let judge = ScanJudge { known: table.known() };
        let is_alias = |span: Range<usize>, class| {
            let found = &text[span];
            found.ends_with(REDACTED) || table.is_alias(class, found)
        };
        judge.judge(&text, Role::Version).into_iter().all(|(span, class)| is_alias(span, class))
    }

    /// The alias of a value, made when it has none yet; `None` when there is nothing to hide.
    pub fn alias(&self, class: Class, value: &str) -> Option<String> {
        self.lock().alias(class, value).map(|(_, alias)| alias)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// True for an address that means something on its own network only, carriers' (RFC 6598) included.
fn is_nearby(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(ip) => {
            let [first, second, ..] = ip.octets();
            ip.is_loopback() || ip.is_private() || ip.is_link_local() || first == 100 && (64..128).contains(&second)
        }
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::exchange::Protocol;
    use crate::json::Doc;
    use crate::message::Body;
    use crate::mpsd::Service;

    fn call(target: &str, headers: &[(&str, &str)], body: &str) -> Call {
        let request = Request {
            method: "PUT".into(),
            authority: "sessiondirectory.xboxlive.com".into(),
            target: target.into(),
            headers: headers.iter().copied().collect(),
            body: Body::plain(body.to_owned()),
            ..Request::default()
        };
        Call::new(IpAddr::V4(Ipv4Addr::LOCALHOST), Protocol::H1, Service::Mpsd, request)
    }

    const SESSION: &str = "/serviceconfigs/097d0100-e05c-4d37-8420-46f1169056cf/sessionTemplates/lobby/sessions/a";

    #[test]
    fn one_value_has_one_alias_wherever_it_stands() {
        let redactor = Redactor::new(1);
        let xuid = "2814646326226712";
        let body = format!(
            r#"{{"members":{{"me":{{"constants":{{"system":{{"xuid":"{xuid}"}}}},"x":{xuid}}},"me_{xuid}":{{}}}},"properties":{{"custom":{{"h":"pending~{xuid}","n":18446744073709551615,"d":1.50,"d":2}}}}}}"#
        );
        let call = call(
            &format!("{SESSION}?xuid={xuid}"),
            &[("x-xbl-onbehalfof-users", &format!("{xuid};priv=multiplayer"))],
            &body,
        );
        let redacted = redactor.call(&call);
        let request = &redacted.message.request;
        let alias = redactor.alias(Class::Xuid, xuid).unwrap();
        let text = String::from_utf8(request.body.decoded().unwrap().to_vec()).unwrap();
        assert_eq!(text, body.replace(xuid, &alias));
        assert_eq!(request.target, format!("{SESSION}?xuid={alias}"));
        assert_eq!(request.headers.text("x-xbl-onbehalfof-users"), Some(format!("{alias};priv=multiplayer").as_str()));
        assert_eq!(redacted.aliases, [(AliasClass::Xuid, alias)]);
        assert!(redacted.body_changed);
    }

    #[test]
    fn credentials_and_debug_headers_leave_no_trace() {
        let redactor = Redactor::new(1);
        let headers = [
            ("authorization", "XBL3.0 x=1234567890123;opaque-token-text"),
            ("signature", "AAAAAQHX"),
            ("cookie", "a=b"),
            ("x-xbl-debug", "user0=2814646326226712; gamertag=Somebody"),
            ("x-note", "token was opaque-token-text"),
        ];
        let redacted = redactor.call(&call(SESSION, &headers, "{}"));
        let kept = format!("{:?}", redacted.message.request.headers);
        for secret in ["opaque-token-text", "AAAAAQHX", "a=b", "2814646326226712", "Somebody", "1234567890123"] {
            assert!(!kept.contains(secret), "{secret} in {kept}");
        }
        assert!(!redacted.body_changed);
    }

    #[test]
    fn what_a_typed_place_taught_is_found_everywhere_after() {
        let redactor = Redactor::new(1);
        redactor.call(&call(SESSION, &[], r#"{"gamertag":"Zo\u00eb \"Z\" 7","securedeviceAddress":"ryY1c2FtcGxl"}"#));
        let redacted = redactor.call(&call(SESSION, &[], r#"{"note":"hi Zo\u00eb \"Z\" 7!","blob":"<ryY1c2FtcGxl>"}"#));
        let text = String::from_utf8(redacted.message.request.body.decoded().unwrap().to_vec()).unwrap();
        assert!(!text.contains("Zo") && !text.contains("ryY1"), "{text}");
        assert!(Doc::parse(text.as_bytes()).is_ok());
        assert_eq!(redactor.text("Zoë \"Z\" 7 left").split(' ').count(), 2);
    }

    #[test]
    fn words_of_the_contract_survive_a_gamertag_that_equals_them() {
        let redactor = Redactor::new(1);
        let body = r#"{"gamertag":"members","members":{"me":{}},"x":["ready","members"]}"#;
        let redacted = redactor.call(&call(SESSION, &[], body));
        let text = String::from_utf8(redacted.message.request.body.decoded().unwrap().to_vec()).unwrap();
        assert!(text.contains(r#""members":{"me":{}},"x":["ready","members"]"#), "{text}");
    }

    #[test]
    fn what_the_body_teaches_is_gone_from_the_headers_too() {
        let redactor = Redactor::new(1);
        let headers = [("x-note", "from Nova7 at 81.2.3.4"), ("x-version", "81.2.3.4")];
        let redacted = redactor.call(&call(SESSION, &headers, r#"{"gamertag":"Nova7","ip":"81.2.3.4"}"#));
        let kept = format!("{:?}", redacted.message.request.headers);
        assert!(!kept.contains("Nova7") && !kept.contains("81.2.3.4"), "{kept}");
        let alias = redactor.alias(Class::Gamertag, "Nova7").unwrap();
        assert!(kept.contains(&format!("from {alias} at ")), "{kept}");
    }

    #[test]
    fn measurements_are_keyed_by_device() {
        let redactor = Redactor::new(1);
        let token = "5F2A9E7C01B44D8E9A3C6B7D2E1F0A4B";
        let body = format!(r#"{{"measurements":{{"{token}":{{"latency":7}}}},"m":{{"{token}":1}}}}"#);
        let redacted = redactor.call(&call(SESSION, &[], &body));
        let text = String::from_utf8(redacted.message.request.body.decoded().unwrap().to_vec()).unwrap();
        let alias = redactor.alias(Class::DeviceToken, token).unwrap();
        assert_eq!(text, body.replace(token, &alias.to_ascii_uppercase()), "capitals stay capitals");
    }

    #[test]
    fn builds_and_versions_survive() {
        let redactor = Redactor::new(1);
        let body = r#"{"build":"1.21.50.7","serverVersion":"10.0.22.4","buildNumber":"8.8.8.8"}"#;
        let redacted = redactor.call(&call(SESSION, &[("user-agent", "Game/1.21.50.7")], body));
        assert!(!redacted.body_changed);
        assert_eq!(redacted.message.request.headers.text("user-agent"), Some("Game/1.21.50.7"));
    }

    #[test]
    fn the_scan_tells_clean_from_leaking() {
        let redactor = Redactor::new(1);
        let alias = redactor.alias(Class::Xuid, "2814646326226712").unwrap();
        assert!(redactor.is_clean(format!(r#"{{"a":"XBL3.0 x=1;redacted","b":"{alias}"}}"#).as_bytes()));
        assert!(!redactor.is_clean(br#"{"a":"2814646326226712"}"#));
        assert!(!redactor.is_clean(br#"{"a":"eyJhbGciOiJSUzI1NiJ9.abc"}"#));
    }

    fn body_of(redacted: &Redacted<Call>) -> String {
        String::from_utf8(redacted.message.request.body.decoded().unwrap().to_vec()).unwrap()
    }

    #[test]
    fn a_body_that_is_no_json_is_read_by_its_places_all_the_same() {
        let redactor = Redactor::new(1);
        let json = r#"{"gamertag":"Zoe Leaks 7", "token" : "opaque-1", // "x"
            "secureDeviceAddress":"c2VjcmV0LWFkZHJlc3M=","xuid":"2814646326226712","map":"docks",}"#;
        let text = body_of(&redactor.call(&call(SESSION, &[], &format!("\u{feff}{json}"))));
        for secret in ["Zoe", "opaque-1", "c2Vj", "2814646326226712"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        assert!(text.ends_with(r#""map":"docks",}"#), "{text}");
    }

    #[test]
    fn a_value_right_behind_an_escape_is_found() {
        let redactor = Redactor::new(1);
        let body = r#"{"a":"u%2F2814646326226712","b":"%202814646326226712","c":"50% of 2814646326226712"}"#;
        let alias = redactor.alias(Class::Xuid, "2814646326226712").unwrap();
        let text = body_of(&redactor.call(&call(SESSION, &[], body)));
        assert_eq!(text, body.replace("2814646326226712", &alias));
    }

    #[test]
    fn a_form_is_read_as_a_query() {
        let redactor = Redactor::new(1);
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let body = "access_token=opaque-a&email=bob%40example.com&gamertag=Zoe%20L&map=docks";
        let text = body_of(&redactor.call(&call(SESSION, &form, body)));
        assert!(!text.contains("opaque-a") && !text.contains("bob") && !text.contains("Zoe"), "{text}");
        assert!(text.ends_with("&map=docks"), "{text}");
    }

    #[test]
    fn secrets_stay_secrets_inside_texts_and_as_numbers() {
        let redactor = Redactor::new(1);
        let body = r#"{"token":"{\"k\":\"opaque\"}","signature":"[\"opaque\"]","password":[1234567],"n":1234567}"#;
        let text = body_of(&redactor.call(&call(SESSION, &[], body)));
        assert_eq!(
            text,
            r#"{"token":"{\"k\":\"redacted\"}","signature":"[\"redacted\"]","password":["redacted"],"n":"redacted"}"#
        );
    }

    #[test]
    fn a_name_is_found_in_any_letter_case() {
        let redactor = Redactor::new(1);
        redactor.call(&call(SESSION, &[], r#"{"gamertag":"Major Nelson"}"#));
        let text = body_of(&redactor.call(&call(SESSION, &[], r#"{"a":"major nelson","b":"MAJOR NELSON!"}"#)));
        let alias = redactor.alias(Class::Gamertag, "Major Nelson").unwrap();
        assert_eq!(text, format!(r#"{{"a":"{alias}","b":"{alias}!"}}"#));
    }

    #[test]
    fn locations_and_odd_user_hashes_are_no_way_out() {
        let redactor = Redactor::new(1);
        let headers = [
            ("location", "https://203.0.113.77/handles/1#access_token=opaque-b"),
            ("authorization", "XBL3.0 x=ab+cd9999;opaque-c"),
            ("x-gamertag", "Zoe L"),
        ];
        let kept = format!("{:?}", redactor.call(&call(SESSION, &headers, "")).message.request.headers);
        for secret in ["203.0.113.77", "opaque-b", "ab+cd", "opaque-c", "Zoe"] {
            assert!(!kept.contains(secret), "{secret} in {kept}");
        }
    }

    #[test]
    fn what_a_compressed_body_hides_is_not_kept() {
        let redactor = Redactor::new(1);
        let builder = flate2::GzBuilder::new().comment("for 2814646326226712");
        let mut gzip = builder.write(Vec::new(), flate2::Compression::new(6));
        std::io::Write::write_all(&mut gzip, b"{}").unwrap();
        let mut call = call(SESSION, &[("content-encoding", "gzip")], "");
        call.request.body = Body::received(gzip.finish().unwrap().into(), &call.request.headers, 1 << 20);
        let redacted = redactor.call(&call);
        assert!(redacted.body_changed);
        assert_eq!(body_of(&redacted), "{}");
        assert!(redactor.is_clean(redacted.message.request.body.wire()));
    }

    #[test]
    fn one_more_look_finds_what_has_become_known_and_leaves_aliases_alone() {
        let redactor = Redactor::new(1);
        let body = r#"{"members":{"me":{"constants":{"system":{"xuid":"2814646326226712"}}}},"note":"by MajorNelson"}"#;
        let first = redactor.call(&call(SESSION, &[("authorization", "XBL3.0 x=123456789012;t")], body));
        assert!(body_of(&first).contains("MajorNelson"));
        redactor.call(&call(SESSION, &[], r#"{"gamertag":"MajorNelson"}"#));
        let again = first.then(|call| redactor.call_again(call));
        assert_eq!(
            body_of(&again),
            body_of(&first).replace("MajorNelson", &redactor.alias(Class::Gamertag, "MajorNelson").unwrap())
        );
        assert_eq!(again.message.request.headers, first.message.request.headers);
        assert!(again.body_changed && again.aliases.len() > first.aliases.len());
    }

    #[test]
    fn any_name_counts_in_a_custom_bag_and_only_odd_ones_elsewhere() {
        let redactor = Redactor::new(1);
        redactor.call(&call(SESSION, &[], r#"{"a":{"gamertag":"open"},"b":{"gamertag":"shadowhunter"}}"#));
        let body = r#"{"system":{"visibility":"open"},"custom":{"nick":"shadowhunter","x":["Open"],"open":"opened"}}"#;
        let alias = |name| redactor.alias(Class::Gamertag, name).unwrap();
        let expected = body.replace("\"shadowhunter\"", &format!("\"{}\"", alias("shadowhunter")));
        let expected = expected.replace("[\"Open\"]", &format!("[\"{}\"]", alias("open")));
        assert_eq!(body_of(&redactor.call(&call(SESSION, &[], body))), expected);
    }

    #[test]
    fn a_stream_of_signatures_displaces_no_token() {
        let redactor = Redactor::new(1);
        redactor.call(&call(SESSION, &[("authorization", "XBL3.0 x=1;opaque-token-text")], ""));
        for n in 0..2000 {
            redactor.call(&call(SESSION, &[("signature", &format!("signature-{n:09}"))], ""));
        }
        let text = body_of(&redactor.call(&call(SESSION, &[], r#"{"a":"opaque-token-text"}"#)));
        assert_eq!(text, r#"{"a":"redacted"}"#);
    }

    #[test]
    fn a_log_line_names_machines_of_this_network_and_no_others() {
        let redactor = Redactor::new(1);
        for near in
            ["10.0.0.31", "192.168.7.9:4711", "172.16.0.1", "169.254.1.1", "100.64.0.1", "[fd00:1::31]:80", "fe80::1:2"]
        {
            let line = format!("peer={near} is near");
            assert_eq!(redactor.log_line(&line), line);
            assert_ne!(redactor.text(&line), line);
        }
        for far in ["203.0.113.9", "100.128.0.1", "172.32.0.1", "2001:db8:0:1::7"] {
            assert!(!redactor.log_line(&format!("peer={far}")).contains(far), "{far}");
        }
        assert!(!redactor.log_line("10.0.0.31 is 2814639011617876").contains("2814639011617876"));
    }

    proptest::proptest! {
        #[test]
        fn redacting_twice_changes_nothing_more(text in r#"[ -~]{0,60}"#, digits in "2[58][0-9]{14}") {
            let redactor = Redactor::new(1);
            let once = redactor.text(&format!("{text} {digits} {text}"));
            proptest::prop_assert!(!once.contains(&digits));
            proptest::prop_assert_eq!(redactor.text(&once), once);
        }
    }
}
