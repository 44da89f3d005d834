//! Handles and queries: what leads to a session, and to what exactly.

use super::*;
use crate::emulator::tests::model::request::order;

impl Run<'_> {
    pub(super) fn make(&mut self, user: usize, kind: HandleKind, session: usize, other: usize) {
        let before = self.look(session);
        let body = order(self.group, kind, session, other);
        let response = self.call(user, Draft::new("POST", "/handles".to_owned(), Contract::V107).body(&body));
        let after = self.look(session);
        if response.status != 201 {
            assert_eq!(before.found, after.found, "{body} was refused");
            return;
        }
        let made: Value = serde_json::from_slice(response.body.wire()).unwrap();
        let id = made["id"].as_str().unwrap().to_owned();
        assert!(self.handles.iter().all(|handle| handle.id != id), "a handle id is given out again");
        let is_replaced = |handle: &Handle| match kind {
            HandleKind::Activity => handle.kind == kind && handle.owner == user,
            HandleKind::Search => handle.kind == kind && self.group.is_same(handle.session, session),
            _ => false,
        };
        let replaced: Vec<String> =
            self.handles.iter().filter(|handle| is_replaced(handle)).map(|handle| handle.id.clone()).collect();
        self.handles.push(Handle { id: id.clone(), kind, owner: user, session, is_gone: false });
        assert!(self.is_live(&id), "{made} is not there");
        for other in replaced {
            assert!(!self.is_live(&other), "{made} stands beside {other}");
        }
        if let (Some(before), Some(after)) = (&before.document, &after.document) {
            let step = u64::from(kind != HandleKind::Invite);
            assert_eq!(after.change(), before.change() + step, "{made}");
        }
        self.check_activities(session, &after);
    }

    /// True when a handle can be read. One that is gone stays gone.
    fn is_live(&mut self, id: &str) -> bool {
        let response = self.call(0, Draft::new("GET", format!("/handles/{id}"), Contract::V107));
        assert!(matches!(response.status, 200 | 404), "{response:?}");
        let is_gone = response.status == 404;
        let handle = self.handles.iter_mut().find(|handle| handle.id == id).unwrap();
        assert!(is_gone || !handle.is_gone, "{id} is back");
        handle.is_gone = is_gone;
        !is_gone
    }

    pub(super) fn show(&mut self, user: usize, which: usize) {
        let Some(handle) = self.recent(which).cloned() else { return };
        let response = self.call(user, Draft::new("GET", format!("/handles/{}", handle.id), Contract::V107));
        assert!(response.status == 404 || !handle.is_gone, "{response:?}");
        if response.status == 200 {
            let shown: Value = serde_json::from_slice(response.body.wire()).unwrap();
            assert_eq!((shown["id"].as_str(), &shown["version"]), (Some(handle.id.as_str()), &json!(1)));
            assert_eq!(shown["sessionRef"], self.group.reference(handle.session));
        }
    }

    pub(super) fn drop_handle(&mut self, user: usize, which: usize) {
        let Some(handle) = self.recent(which).cloned() else { return };
        let was_live = self.is_live(&handle.id);
        let response = self.call(user, Draft::new("DELETE", format!("/handles/{}", handle.id), Contract::V107));
        let expected = if !was_live {
            404
        } else if handle.owner == user {
            204
        } else {
            403
        };
        assert_eq!(response.status, expected, "{handle:?}: {response:?}");
        assert_eq!(self.is_live(&handle.id), expected == 403, "{handle:?}");
        self.look(handle.session);
    }

    /// A live activity's owner is active in its session; a session that is over has no activity and no transfer.
    pub(super) fn check_activities(&mut self, session: usize, scene: &Scene) {
        let group = self.group;
        let here: Vec<Handle> = self
            .handles
            .iter()
            .filter(|handle| !handle.is_gone && group.is_same(handle.session, session))
            .filter(|handle| handle.kind != HandleKind::Invite)
            .cloned()
            .collect();
        for handle in here {
            if !self.is_live(&handle.id) {
                continue;
            }
            assert_ne!(scene.found, Found::Nothing, "{handle:?} leads nowhere");
            let Some(document) = scene.document.as_ref().filter(|document| !document.is_large()) else { continue };
            let is_active = document.is_active(&group.xuid(handle.owner));
            assert!(handle.kind != HandleKind::Activity || is_active, "{handle:?} of a player who is not active");
            let is_shown = document.text("searchHandle") == handle.id;
            assert!(handle.kind != HandleKind::Search || is_shown, "{handle:?} is not in its session");
        }
    }

    pub(super) fn query(&mut self, user: usize, which: usize, whose: usize) {
        for session in 0..SESSIONS {
            self.look(session);
        }
        let (scid, xuid) = (self.group.scid(), self.group.xuid(whose));
        let everybody: Vec<String> = (0..USERS).map(|user| self.group.xuid(user)).collect();
        let draft = |method, target: String| Draft::new(method, target, Contract::V107);
        let include = "?include=relatedInfo,customProperties,roleInfo";
        let draft = match which {
            0 => draft("POST", format!("/handles/query{include}"))
                .body(json!({"type": "activity", "scid": scid, "owners": {"xuids": everybody}})),
            1 => draft("POST", format!("/handles/query{include}"))
                .body(json!({"type": "search", "scid": scid, "templateName": "game"})),
            2 => draft("GET", format!("/serviceconfigs/{scid}/sessions?xuid={xuid}&inactive=true")),
            3 => draft("GET", format!("/serviceconfigs/{scid}/sessions?keyword=ZQWORD{}", whose % 3)),
            _ => draft("POST", format!("/serviceconfigs/{scid}/sessiontemplates/lobby/batch?take=3"))
                .body(json!({"xuids": [xuid, everybody[user]]})),
        };
        let response = self.call(user, draft.clone());
        assert_eq!(response.status, 200, "{draft:?} was answered {response:?}");
        let answer: Value = serde_json::from_slice(response.body.wire()).unwrap();
        let rows = answer["results"].as_array().unwrap();
        let mut owners = BTreeSet::new();
        for row in rows {
            self.check_row(row, which);
            assert!(
                which != 0 || owners.insert(row["ownerXuid"].to_string()),
                "two activities of one player: {answer}"
            );
        }
    }

    /// A row says what the session and the handle say themselves.
    fn check_row(&mut self, row: &Value, which: usize) {
        let Some(session) = (0..SESSIONS).find(|session| self.group.is_named(*session, &row["sessionRef"])) else {
            return;
        };
        let scene = self.look(session);
        if which < 2 {
            let id = row["id"].as_str().unwrap();
            let is_live = self.is_live(id);
            let info = &row["relatedInfo"];
            assert!(is_live && row["customProperties"].is_object() && row["roleInfo"].is_object(), "{row}");
            let Some(document) = &scene.document else { return };
            assert_eq!(info["membersCount"], document.info("count"), "{row}");
            return;
        }
        let Some(document) = scene.document.filter(|document| !document.is_large()) else { return };
        assert_eq!(
            (&row["startTime"], &row["accepted"]),
            (&json!(document.text("startTime")), &json!(document.info("accepted")))
        );
        if let Some(xuid) = row["xuid"].as_str() {
            let is_active = document.is_active(xuid);
            assert_eq!(row["status"], if is_active { "active" } else { "inactive" }, "{row}");
            assert!(document.member(xuid).is_some_and(|member| member["reserved"] != true), "{row}");
        }
    }
}
