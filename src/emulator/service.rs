//! Sessions that services of the emulator's own start and change.

use super::Desk;
use super::access::Visitor;
use super::birth::Birth;
use super::intent::Intent;
use super::merge::{Merge, Stage};
use super::read::NO_TEMPLATE;
use super::refusal::Refusal;
use super::session::Session;
use crate::mpsd::name::SessionRef;
use crate::mpsd::version::Names;

impl Desk<'_> {
    /// Starts a session as a server would that writes `intent` to a name without a session.
    pub(super) fn found(&mut self, reference: &SessionRef, intent: &Intent) -> Result<(), Refusal> {
        let settings = self.settings;
        let (template, hold) = settings.template(&reference.template).ok_or(Refusal::NotFound(NO_TEMPLATE))?;
        let key = reference.key();
        let birth = Birth {
            reference,
            template,
            hold,
            policies: &settings.policies,
            lives: self.store.lives(&key),
            now: self.now,
            names: Names::New,
        };
        let mut draft = birth.session(&intent.constants, self.dice)?;
        let merge = Merge {
            intent,
            visitor: Visitor::service(&settings.policies),
            policies: &settings.policies,
            title: settings.policies.title_id,
            gamertag: "",
            now: self.now,
            stage: Stage::New,
        };
        merge.apply(&mut draft)?;
        draft.change = 1;
        self.keep(&key, draft)
    }

    /// Changes a session for a service of the emulator's own. False when there is no such session.
    pub(super) fn change(&mut self, key: &str, edit: impl FnOnce(&mut Session)) -> Result<bool, Refusal> {
        let Some(before) = self.session(key) else {
            return Ok(false);
        };
        let mut draft = before.clone();
        edit(&mut draft);
        if draft != before {
            draft.change += 1;
            self.keep(key, draft)?;
        }
        Ok(true)
    }
}
