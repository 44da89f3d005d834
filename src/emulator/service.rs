//! Sessions that services of the emulator's own start.

use super::Desk;
use super::access::Visitor;
use super::birth::Birth;
use super::intent::Intent;
use super::merge::{Merge, Stage};
use super::read::NO_TEMPLATE;
use super::refusal::Refusal;
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
        self.store_outcome(&key, None, draft).map(drop)
    }
}
