//! From a redacted message to a line in the journal.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::{Begun, Recorder, SECRET_LEFT, milliseconds};
use crate::cassette::{FrameRecord, LineBody, StoredBody, Timing, What, Withheld};
use crate::engine::journal::JournalError;
use crate::redact::{Redacted, Redactor};
use crate::slot::alias::AliasClass;
use crate::socket::{Lengthy, Message, Sender};

/// Whose a message is, and when it had been read.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct Spot<'a> {
    pub(in crate::engine) lane: &'a str,
    /// Where the socket's opening was asked.
    pub(in crate::engine) socket: u64,
    pub(in crate::engine) from: Sender,
    pub(in crate::engine) begun: Begun,
}

impl Recorder {
    /// Writes one message and returns when it is written. One that a line cannot hold leaves its digest.
    pub(in crate::engine) async fn message(
        &self,
        spot: Spot<'_>,
        kept: &Redacted<Message>,
        (what, used): (What, BTreeSet<(AliasClass, String)>),
    ) -> Result<(), JournalError> {
        match self.frame(spot, used, what).await {
            Err(error @ JournalError::TooLarge { .. }) => {
                tracing::warn!(%error, "a message is kept without what it says");
                let body = StoredBody::withheld(TOO_LARGE, &kept.message.payload);
                self.frame(spot, BTreeSet::new(), with_body(&kept.message, body)).await
            }
            written => written,
        }
    }

    /// Writes that a message went by which was too long to be kept.
    pub(in crate::engine) async fn lengthy(&self, spot: Spot<'_>, lengthy: &Lengthy) -> Result<(), JournalError> {
        let Lengthy { opcode, reserved, length, ref sha256 } = *lengthy;
        let withheld = Withheld { reason: TOO_LONG.to_owned(), length, sha256: sha256.clone() };
        let body = Some(StoredBody::known(withheld));
        let what = What { opcode: Some(opcode), reserved, fragments: Vec::new(), code: None, body };
        self.frame(spot, BTreeSet::new(), what).await
    }

    /// Writes that a connection broke.
    pub(in crate::engine) async fn broken(&self, spot: Spot<'_>) -> Result<(), JournalError> {
        self.frame(spot, BTreeSet::new(), What::broken()).await
    }

    async fn frame(
        &self,
        spot: Spot<'_>,
        used: BTreeSet<(AliasClass, String)>,
        what: What,
    ) -> Result<(), JournalError> {
        let Spot { lane, socket, from, begun } = spot;
        let took = milliseconds(begun.at, Instant::now());
        let timing = Some(Timing { at: milliseconds(self.began, begun.at), took });
        let record = FrameRecord { lane: lane.to_owned(), socket, from, at: begun.asked, cue: None, what, timing };
        self.write(lane, used, LineBody::frame(&record)).await
    }

    /// The message as it may be written, and the aliases in it: as [`Self::line`] does it for an exchange.
    pub(in crate::engine) fn what(
        &self,
        redactor: &Redactor,
        kept: &Redacted<Message>,
    ) -> (What, BTreeSet<(AliasClass, String)>) {
        if redactor.is_clean(&kept.message.payload) {
            return (What::of(&kept.message), kept.aliases.iter().cloned().collect());
        }
        let again = kept.then(|message| redactor.message_again(message));
        if redactor.is_clean(&again.message.payload) {
            return (What::of(&again.message), again.aliases.into_iter().collect());
        }
        (self.emptied_message(&again.message), BTreeSet::new())
    }

    /// A message written before something in it became known, without that.
    pub(super) fn polished_frame(&self, redactor: &Redactor, record: &FrameRecord) -> Option<FrameRecord> {
        let message = record.what.message().filter(|message| !redactor.is_clean(&message.payload))?;
        let again = redactor.message_again(&message).message;
        let is_clean = redactor.is_clean(&again.payload);
        let what = if is_clean { What::of(&again) } else { self.emptied_message(&again) };
        Some(FrameRecord { what, ..record.clone() })
    }

    fn emptied_message(&self, message: &Message) -> What {
        tracing::error!("a secret was left after redaction; a message is kept without what it says");
        self.secrets.fetch_add(1, Ordering::Relaxed);
        with_body(message, StoredBody::withheld(SECRET_LEFT, &[]))
    }
}

fn with_body(message: &Message, body: StoredBody) -> What {
    What { fragments: Vec::new(), body: Some(body), ..What::of(message) }
}

const TOO_LARGE: &str = "the message is larger than a record can be";
const TOO_LONG: &str = "the message is longer than what is kept whole";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slot::Class;
    use crate::socket::Opcode;

    #[test]
    fn a_secret_in_a_message_is_replaced_or_counted_before_the_seal() {
        let dir = tempfile::tempdir().unwrap();
        let recorder = Recorder::create(&dir.path().join("a.cassette.jsonl")).unwrap();
        let redactor = Redactor::new(1);
        let record = |message: &Message| FrameRecord {
            lane: "lane-1".into(),
            socket: 1,
            from: Sender::Client,
            at: 2,
            cue: None,
            what: What::of(message),
            timing: None,
        };
        let said = record(&Message::text("by MajorNelson"));
        assert!(recorder.polished_frame(&redactor, &said).is_none());
        let alias = redactor.alias(Class::Gamertag, "MajorNelson").unwrap();
        let polished = recorder.polished_frame(&redactor, &said).unwrap();
        assert_eq!(polished.what.message().unwrap().payload, format!("by {alias}"));
        assert_eq!(recorder.secrets(), 0);

        let bytes = record(&Message::new(Opcode::Binary, b"\xff 2814646326226712".to_vec()));
        let emptied = recorder.polished_frame(&redactor, &bytes).unwrap();
        assert_eq!(emptied.what.body.unwrap().as_withheld().unwrap().reason, SECRET_LEFT);
        assert_eq!(recorder.secrets(), 1);
    }
}
