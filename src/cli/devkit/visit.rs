//! One visit to a kit: it is recognised, then asked.

use std::path::PathBuf;

use super::{Kit, ask, fault};
use crate::cli::failure::told;
use crate::cli::{Failure, say};
use crate::devkit::{
    Address, Answer, Credentials, Deadlines, Fingerprint, Notes, NotesError, Portal, PortalError, Request,
    certificate_of,
};

/// What is done when the notes about a kit cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    /// It is an error: something is to be noted.
    IsFatal,
    /// It is told: the kit can be helped without them.
    IsTold,
}

/// A kit that was recognised.
pub(super) struct Visit {
    pub(super) address: Address,
    pub(super) notes: Notes,
    pub(super) portal: Portal,
    user: Option<String>,
    home: PathBuf,
    /// Notes that could not be read are not written over.
    keeps: bool,
}

impl Visit {
    /// Recognises the kit by its certificate, then gets ready to ask.
    pub(super) async fn begin(kit: &Kit, lost: Lost) -> Result<Self, Failure> {
        if kit.user.as_ref().is_some_and(|user| user.contains(':') || user.chars().any(char::is_control)) {
            return Err(
                Failure::usage("--user: no portal has a user with a colon in its name").hint("give the name alone")
            );
        }
        let home = kit.home.dir()?;
        let (mut notes, keeps) = match Notes::read(&home, &kit.address) {
            Ok(notes) => (notes, true),
            Err(error) if lost == Lost::IsTold => {
                say(&format!("warning: {}: going on without", told(&error)));
                (Notes::none(&kit.address), false)
            }
            Err(error) => return Err(unkept(&error)),
        };
        let pin = recognised(kit, notes.certificate).await?;
        let is_news = notes.certificate.replace(pin) != Some(pin);
        let secret = kit.user.as_deref().map(ask::password).transpose()?;
        let credentials = kit.user.clone().zip(secret).map(|(user, password)| Credentials { user, password });
        let deadlines = Deadlines { connect: kit.timeout, answer: kit.timeout };
        let portal = Portal::new(kit.address.clone(), pin, credentials, deadlines);
        let visit = Self { address: kit.address.clone(), notes, portal, user: kit.user.clone(), home, keeps };
        if is_news {
            visit.keep()?;
        }
        Ok(visit)
    }

    /// Writes the notes.
    pub(super) fn keep(&self) -> Result<(), Failure> {
        if self.keeps { self.notes.write(&self.home, &self.address).map_err(|error| unkept(&error)) } else { Ok(()) }
    }

    /// Sends a request that has nothing unclear about it.
    pub(super) async fn ask(&mut self, request: &Request) -> Result<Answer, Failure> {
        let answer = self.portal.send(request).await;
        answer.map_err(|error| self.failure(&error))
    }

    /// Whether the kit has a proxy, if its portal can tell.
    pub(super) async fn has_proxy(&mut self) -> Result<Option<bool>, Failure> {
        let told = self.portal.has_proxy().await;
        told.map_err(|error| self.failure(&error))
    }

    /// What went wrong, and what to do.
    pub(super) fn failure(&self, error: &PortalError) -> Failure {
        fault::failure(&self.address, self.user.as_deref(), error)
    }
}

/// The certificate that is to be believed: the one known, the one given, or the one that somebody confirms now.
async fn recognised(kit: &Kit, known: Option<Fingerprint>) -> Result<Fingerprint, Failure> {
    if let Some(known) = known
        && kit.fingerprint.is_none_or(|given| given == known)
    {
        return Ok(known);
    }
    let address = &kit.address;
    let failure = |error| fault::failure(address, kit.user.as_deref(), &error);
    let seen = certificate_of(address, kit.timeout).await.map_err(failure)?;
    match kit.fingerprint {
        Some(wanted) if wanted != seen => return Err(failure(PortalError::Certificate { wanted, seen })),
        Some(_) => return Ok(seen),
        None => say(&format!("{address} shows a certificate of its own making, SHA-256:\n  {seen}")),
    }
    if kit.yes || ask::is_anybody_there() && ask::agrees("is that your kit?")? {
        return Ok(seen);
    }
    Err(Failure::usage(format!("{address}: nobody has confirmed its certificate yet")).hint(format!(
        "compare it with what a browser shows at https://{address}, then give --fingerprint {seen}; on a network you \
         trust, --yes takes it as it is"
    )))
}

fn unkept(error: &NotesError) -> Failure {
    Failure::runtime(told(error)).hint("move the file away, or give another --home; `devkit disable` works without it")
}
