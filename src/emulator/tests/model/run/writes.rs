//! Writes: what was there, what is answered, what is there then.

use super::*;
use crate::emulator::tests::model::operation::Part;
use crate::emulator::tests::model::request::Known;

/// A write on its way: what it is about and what came of it.
struct Written<'w> {
    write: &'w Write,
    session: usize,
    draft: Draft,
    /// The body as a whole session's, where it has one.
    body: Value,
    is_malformed: bool,
}

impl Run<'_> {
    pub(super) fn write(&mut self, write: &Write) {
        let Some((session, path)) = self.target(write.place) else { return };
        let before = write.is_watched.then(|| self.look(session));
        let written = self.written(write, session, path);
        let response = self.call(write.user, written.draft.clone());
        if let Some(before) = &before {
            self.check_condition(&written, before, &response);
            check_step(&written, before, &response);
        }
        let document = self.take_in(&written, &response);
        let after = self.look(session);
        if let Some(before) = &before
            && (!write.is_committed || response.status >= 300)
        {
            assert_eq!(
                before.found, after.found,
                "{:?} was answered {response:?} and changed something",
                written.draft
            );
        }
        self.check_activities(session, &after);
        if let Some(document) = document.filter(|_| write.is_repeated && write.is_committed) {
            self.repeat(&written, &response, &document, &after);
        }
    }

    fn written<'w>(&mut self, write: &'w Write, session: usize, path: String) -> Written<'w> {
        let tokens = self.facts(session).tokens().to_vec();
        let known = Known { tokens: &tokens, connection: self.taps.connection(write.user) };
        let body = self.group.body(write.user, &write.parts, &known);
        let malformed = write.parts.iter().find_map(|part| match part {
            Part::Malformed(which) => Some(MALFORMED[*which]),
            _ => None,
        });
        let is_delete = matches!(write.place, Place::MeGone(_) | Place::MemberGone(..));
        let part = match write.place {
            Place::Properties(_) => body.get("properties").cloned().unwrap_or_else(|| json!({})),
            Place::Me(_) => body.pointer("/members/me").cloned().unwrap_or_else(|| json!({})),
            _ => body.clone(),
        };
        let body = match write.place {
            Place::Properties(_) => json!({"properties": part}),
            Place::Me(_) => json!({"members": {"me": part}}),
            Place::MeGone(_) => json!({"members": {"me": null}}),
            Place::MemberGone(_, index) => json!({"members": {index.to_string(): null}}),
            _ => body,
        };
        let query = if write.is_committed { "" } else { "?nocommit=true" };
        let method = if is_delete { "DELETE" } else { "PUT" };
        let mut draft = Draft::new(method, path + query, write.contract);
        if !is_delete {
            draft = draft.body(malformed.map_or_else(|| part.to_string(), str::to_owned));
        }
        let draft = self.conditioned(draft, session, write.condition, false);
        Written { write, session, draft, body, is_malformed: malformed.is_some() && !is_delete }
    }

    /// 412 exactly when the state is not the one the caller named.
    fn check_condition(&self, written: &Written<'_>, before: &Scene, response: &Response) {
        let condition = written.write.condition;
        let named = |header: &str| written.draft.headers.text(header).unwrap_or_default().trim_matches('"').to_owned();
        let is_met = match &before.found {
            Found::Hidden => return,
            Found::Nothing => matches!(condition, Condition::None | Condition::Absent | Condition::Differs),
            Found::Shown { etag, .. } => match condition {
                Condition::None | Condition::Exists => true,
                Condition::Absent | Condition::Both => false,
                Condition::Current | Condition::Stale => named("if-match") == *etag,
                Condition::Differs => named("if-none-match") != *etag,
            },
        };
        let place = || format!("{:?} on {:?} was answered {response:?}", written.draft, before.found);
        if condition == Condition::Both {
            assert!(response.status >= 400 && response.status != 412, "{}", place());
        } else if is_met {
            assert_ne!(response.status, 412, "{}", place());
        } else {
            assert!(matches!(response.status, 400 | 403 | 404 | 412), "{}", place());
            let xuid = self.group.xuid(written.write.user);
            let is_member = before.document.as_ref().is_some_and(|document| document.member(&xuid).is_some());
            let is_sound = !written.is_malformed && matches!(written.write.place, Place::Session(_));
            if is_sound && (is_member || before.found == Found::Nothing) && written.is_possible() {
                assert_eq!(response.status, 412, "{}", place());
            }
        }
        if response.status == 412 {
            let shows = matches!(condition, Condition::Current | Condition::Stale) && before.document.is_some();
            assert_eq!(is_json(response), shows, "{}", place());
        }
    }

    /// Takes in what an answer shows. The document, when the write was taken.
    fn take_in(&mut self, written: &Written<'_>, response: &Response) -> Option<Document> {
        let (user, session) = (written.write.user, written.session);
        let is_taken = matches!(response.status, 200 | 201);
        if !is_taken {
            let shows = response.status != 304 && is_json(response);
            return shows.then(|| self.learn(session, user, response)).and(None);
        }
        assert_eq!(Document::checked(response.body.wire()).contract(), written.write.contract.number());
        let document = match written.write.is_committed {
            true => self.learn(session, user, response),
            false => Document::checked(response.body.wire()),
        };
        document.check_written(&written.body, &self.group.xuid(user));
        written.write.is_committed.then_some(document)
    }

    /// The same write again, with no condition: nothing changes, and a member gets the same answer.
    fn repeat(&mut self, written: &Written<'_>, first: &Response, document: &Document, after: &Scene) {
        let is_at_rest = matches!(&after.found, Found::Shown { etag: now, .. } if *now == etag(first));
        let is_kicking = written.write.parts.iter().any(|part| matches!(part, Part::Kick(_)));
        if !is_at_rest || is_kicking {
            return;
        }
        let mut draft = written.draft.clone();
        draft.headers.remove("if-match");
        draft.headers.remove("if-none-match");
        let again = self.call(written.write.user, draft);
        let xuid = self.group.xuid(written.write.user);
        if document.member(&xuid).is_some() && !matches!(written.write.place, Place::MemberGone(..)) {
            let (first_text, text) = (first.body.wire(), again.body.wire());
            assert_eq!((again.status, text), (200, first_text), "{:?} again", written.draft);
        }
        assert_eq!(self.look(written.session).found, after.found, "{:?} again", written.draft);
    }
}

impl Written<'_> {
    /// False where the request is refused before anybody looks at the state.
    fn is_possible(&self) -> bool {
        let is_old = self.write.contract == Contract::V105;
        !(is_old && self.body.pointer("/constants/system/sessionEmptyTimeout").is_some())
    }
}

/// A write is one step at most; 201 is for what was not there.
fn check_step(written: &Written<'_>, before: &Scene, response: &Response) {
    let place = || format!("{:?} on {:?} was answered {response:?}", written.draft, before.found);
    if written.is_malformed {
        assert!(response.status >= 400, "{}", place());
    }
    if !matches!(response.status, 200 | 201) {
        return;
    }
    let now = Document::checked(response.body.wire());
    match &before.document {
        Some(document) => {
            assert_eq!((response.status, now.branch()), (200, document.branch()), "{}", place());
            assert!(now.change() == document.change() || now.change() == document.change() + 1, "{}", place());
        }
        None if before.found == Found::Nothing => {
            assert_eq!((response.status, now.change()), (201, 1), "{}", place());
        }
        None => assert_eq!(response.status, 200, "{}", place()),
    }
}
