//! Reads of sessions, and requests that are none.

use super::*;

impl Run<'_> {
    pub(super) fn read(&mut self, user: usize, place: Place, contract: Contract, condition: Condition) {
        let Some((session, _)) = self.target(place) else { return };
        let path = match place {
            Place::Handle(_) => self.target(place).unwrap().1,
            _ => self.group.path(session),
        };
        let before = self.look(session);
        let draft = self.conditioned(Draft::new("GET", path, contract), session, condition, true);
        let response = self.call(user, draft.clone());
        let text = || format!("{draft:?} on {:?} was answered {response:?}", before.found);
        let is_member =
            before.document.as_ref().is_some_and(|document| document.member(&self.group.xuid(user)).is_some());
        let is_by_name = !matches!(place, Place::Handle(_));
        match (&before.found, response.status) {
            (_, 404) => assert!(!is_by_name, "{}", text()),
            (Found::Nothing, status) => assert!(status == 204 || !is_by_name && status == 403, "{}", text()),
            (Found::Hidden, status) => assert!(status == 403 || !is_by_name && status == 200, "{}", text()),
            (Found::Shown { etag, .. }, status) => {
                let sent = draft.headers.text("if-none-match").unwrap_or_default().trim_matches('"');
                let expected = if sent == "*" || sent == etag { 304 } else { 200 };
                assert!(status == expected || status == 403 && !(is_member && is_by_name), "{}", text());
                if status != 403 {
                    assert_eq!(super::etag(&response), *etag, "{}", text());
                }
            }
        }
        if response.status == 200 {
            let document = self.learn(session, user, &response);
            assert_eq!(document.contract(), contract.number(), "{}", text());
        }
        if !is_by_name && matches!(response.status, 200 | 304) {
            let location = response.headers.text("content-location").unwrap_or_default().to_lowercase();
            assert_eq!(location, self.group.path(session).to_lowercase(), "{}", text());
        }
        assert_eq!(self.look(session).found, before.found, "{}", text());
    }

    /// Requests that no path, verb, version or token makes sense of.
    pub(super) fn nonsense(&mut self, user: usize, which: usize) {
        let session = self.group.path(0);
        let draft = |method: &'static str, target: String| Draft::new(method, target, Contract::V107);
        let unknown = format!("/serviceconfigs/{}/sessionTemplates/unknown/sessions/zq", self.group.scid());
        let (draft, status) = match which {
            0 => (draft("POST", session).body("{}"), 405),
            1 => (draft("GET", unknown), 404),
            2 => (draft("PUT", session + "/zqelement").body("{}"), 404),
            3 => (draft("GET", session).header("x-xbl-contract-version", "zq"), 400),
            4 => (draft("GET", session).header("authorization", "zq"), 401),
            5 => (draft("GET", "/handles/00000000-0000-0000-0000-000000000000/session".to_owned()), 400),
            6 => (draft("GET", "/handles/deadbeef-0000-4000-8000-00000000dead/session".to_owned()), 404),
            7 => (draft("POST", "/handles".to_owned()).body(r#"{"type":"zqtype","sessionRef":{}}"#), 400),
            _ => (draft("POST", "/handles/query".to_owned()).body(r#"{"type":"zqtype"}"#), 400),
        };
        let response = self.call(user, draft.clone());
        assert_eq!(response.status, status, "{draft:?} was answered {response:?}");
    }
}
