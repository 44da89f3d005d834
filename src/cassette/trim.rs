//! Cuts a smaller cassette out of a recording: some players, some sessions, or what stands between two marks.
//!
//! What is cut must still make sense. A socket that is open in between keeps its opening and what was subscribed on it;
//! a handle that is used keeps the call that made it. A message whose cause was cut waits for what its own client does
//! instead, which is found anew when the rest is sealed.

mod sketch;

use std::collections::BTreeSet;
use std::path::Path;

use thiserror::Error;

use super::frame::Cue;
use super::seal::{SealError, check_understood};
use super::{Cassette, CassetteError, Entry, Ledger, Note, Record, Seal, many};
use sketch::{Marked, Sketch, Sketched};

/// What is to stay.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// These lanes; all of them when there is none.
    pub lanes: Vec<String>,
    /// These sessions, by name or as `scid~template~name`; all of them when there is none.
    pub sessions: Vec<String>,
    /// What comes after this mark: its note, or its number from 1.
    pub from: Option<String>,
    /// What comes before this mark.
    pub to: Option<String>,
}

/// What stayed, and what became of it.
#[derive(Debug)]
pub struct Trimmed {
    /// The smaller recording, still with its old positions and names.
    pub cassette: Cassette,
    /// What was done and what is missing now, a line each.
    pub notes: Vec<String>,
}

/// Why nothing was cut out.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum TrimError {
    #[error(transparent)]
    Cassette(#[from] CassetteError),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error("no lane is called {name}; there are {known}")]
    Lane { name: String, known: String },
    #[error("no session is called {name}; there are {known}")]
    Session { name: String, known: String },
    #[error("no mark is called {name}; there are {known}")]
    Mark { name: String, known: String },
    #[error("{from} does not come before {to}")]
    Order { from: String, to: String },
    #[error("{mark} is one and the same mark: nothing stands between it and itself{others}")]
    Same { mark: String, others: String },
    #[error("nothing would be left: no exchange fits")]
    Empty,
}

/// Cuts a smaller recording out of a file of any size. A journal is put into canonical form first. `progress` is called
/// each time a piece of a long file was read.
///
/// # Errors
/// The file cannot be read, what is chosen is not there, or nothing is left.
pub fn trim(file: &Path, choice: &Choice, progress: &mut dyn FnMut()) -> Result<Trimmed, TrimError> {
    if !Ledger::is_needed(file)? {
        let cassette = Cassette::read(file)?;
        check_understood(&cassette.head, &cassette.notes)?;
        let blank = Cassette { entries: Vec::new(), ..cassette.clone() };
        let cut = cut(blank, cassette.entries.len(), choice, &mut |index| Ok(cassette.entries[index].clone()))?;
        return Ok(cut.out_of(file, cassette.seal, &cassette.notes));
    }
    let mut ledger = Ledger::open(file, &mut |_| progress())?;
    let mut canonical = ledger.canonical(&mut |_| progress())?;
    let cut = cut(canonical.blank(), canonical.records(), choice, &mut |index| {
        progress();
        Ok(canonical.entry(index)?)
    })?;
    Ok(cut.out_of(file, ledger.seal, &ledger.notes))
}

impl Trimmed {
    /// Says first what the new seal would hide: that the recording was not whole before anything was cut.
    fn out_of(mut self, file: &Path, seal: Seal, notes: &[Note]) -> Self {
        let file = file.display();
        let edited = (seal == Seal::Edited).then(|| format!("{file}: {seal}"));
        let lost = notes.iter().filter(|note| note.what.is_loss()).map(|note| format!("{file}: {note}"));
        self.notes.splice(..0, edited.into_iter().chain(lost));
        self
    }
}

/// Cuts out of so many records, which are read twice.
fn cut(
    blank: Cassette,
    records: usize,
    choice: &Choice,
    read: &mut dyn FnMut(usize) -> Result<Entry, TrimError>,
) -> Result<Trimmed, TrimError> {
    let mut sketch = Sketch::default();
    for index in 0..records {
        sketch.add(&read(index)?.record);
    }
    sketch.finish();
    let mut notes = Vec::new();
    let window = Window::of(&sketch, choice, &mut notes)?;
    let mut cut = Cut::new(&sketch, choice, window, notes)?;
    cut.choose();
    cut.keep_sockets();
    // Who only listens has no exchange but what opened its socket.
    if cut.chosen_exchanges() == 0 {
        return Err(TrimError::Empty);
    }
    cut.keep_handles();
    cut.done(blank, read)
}

/// The positions between two marks.
#[derive(Clone, Copy, Debug)]
struct Window {
    after: u64,
    until: u64,
}

impl Window {
    fn of(sketch: &Sketch, choice: &Choice, notes: &mut Vec<String>) -> Result<Self, TrimError> {
        let find = |name: &Option<String>| name.as_deref().map(|name| sketch.mark(name)).transpose();
        let (from, to) = (find(&choice.from)?, find(&choice.to)?);
        if let (Some(from), Some(to)) = (&from, &to)
            && from.number >= to.number
        {
            return Err(if from.number == to.number {
                TrimError::Same { mark: from.name(), others: from.others() }
            } else {
                TrimError::Order { from: from.name(), to: to.name() }
            });
        }
        for marked in [&from, &to].into_iter().flatten().filter(|marked| !marked.twins.is_empty()) {
            notes.push(format!("{} is taken, the first of that note{}", marked.name(), marked.others()));
        }
        let position = |marked: Option<Marked>| marked.map(|marked| marked.at);
        Ok(Self { after: position(from).unwrap_or(0), until: position(to).unwrap_or(u64::MAX) })
    }

    fn holds(self, position: u64) -> bool {
        self.after < position && position <= self.until
    }
}

/// A choice while it is made.
struct Cut<'s> {
    sketch: &'s Sketch,
    lanes: BTreeSet<String>,
    sessions: BTreeSet<String>,
    window: Window,
    kept: BTreeSet<usize>,
    notes: Vec<String>,
}

impl<'s> Cut<'s> {
    fn new(sketch: &'s Sketch, choice: &Choice, window: Window, notes: Vec<String>) -> Result<Self, TrimError> {
        let lanes = choice.lanes.iter().map(|name| sketch.lane(name)).collect::<Result<_, _>>()?;
        let found: Vec<Vec<String>> =
            choice.sessions.iter().map(|name| sketch.sessions(name)).collect::<Result<_, _>>()?;
        let sessions = found.into_iter().flatten().collect();
        Ok(Self { sketch, lanes, sessions, window, kept: BTreeSet::new(), notes })
    }

    /// Keeps what fits by itself.
    fn choose(&mut self) {
        for (index, sketched) in self.sketch.entries.iter().enumerate() {
            let fits = match sketched {
                Sketched::Exchange(call) => {
                    self.has_lane(&call.lane)
                        && self.window.holds(call.asked)
                        && self.has_session(call.session.as_ref())
                }
                Sketched::Message(message) => {
                    let is_told = message.sessions.is_empty()
                        || message.sessions.iter().any(|session| self.has_session(Some(session)));
                    self.has_lane(&message.lane) && self.window.holds(message.at) && is_told
                }
                Sketched::Mark { at, .. } => self.window.holds(*at) || *at == self.window.after,
            };
            if fits {
                self.kept.insert(index);
            }
        }
        self.drop_idle_sockets();
    }

    /// Of sessions that were chosen, only those sockets matter that tell of them.
    fn drop_idle_sockets(&mut self) {
        if self.sessions.is_empty() {
            return;
        }
        let lanes: BTreeSet<&str> =
            self.kept.iter().filter_map(|index| self.sketch.exchange(*index)).map(|call| &*call.lane).collect();
        let sketch = self.sketch;
        self.kept.retain(|index| sketch.message(*index).is_none_or(|message| lanes.contains(&*message.lane)));
    }

    /// Keeps the opening of every socket that something was kept of or that was open in between, and what was subscribed
    /// on it: without them, nothing on it can be understood.
    fn keep_sockets(&mut self) {
        let mut lanes: BTreeSet<&str> = self.kept.iter().filter_map(|index| self.sketch.lane_of(*index)).collect();
        if self.sessions.is_empty() {
            lanes.extend(self.lanes.iter().map(String::as_str));
        }
        let mut more = BTreeSet::new();
        for socket in self.sketch.sockets.values() {
            let has_kept = socket.messages.iter().any(|index| self.kept.contains(index));
            let is_open = socket.opened <= self.window.until && socket.closed > self.window.after;
            let is_wanted = has_kept || (is_open && lanes.contains(&*socket.lane));
            if !is_wanted {
                continue;
            }
            more.extend(socket.opening);
            let before =
                |index: &&usize| self.sketch.message(**index).is_some_and(|message| message.at <= self.window.until);
            let talk = |index: &&usize| self.sketch.message(**index).is_some_and(|message| message.is_subscription);
            more.extend(socket.messages.iter().filter(before).filter(talk));
            more.extend(socket.opening.and_then(|opening| self.sketch.nonce_before(opening)));
        }
        let added = more.difference(&self.kept).count();
        if added > 0 {
            self.notes.push(format!("kept, too: {} of sockets that were open before", many(added, "record")));
        }
        self.kept.extend(more);
    }

    /// Keeps the calls that made handles which are used by what was kept.
    fn keep_handles(&mut self) {
        let mut more = BTreeSet::new();
        for call in self.kept.iter().filter_map(|index| self.sketch.exchange(*index)) {
            let Some(maker) = call.uses.as_ref().and_then(|handle| self.sketch.handles.get(handle)) else { continue };
            let Some(made) = self.sketch.exchange(*maker).filter(|_| !self.kept.contains(maker)) else { continue };
            if self.has_lane(&made.lane) {
                more.insert(*maker);
            } else {
                let note = format!("a handle is used that {} made, who is cut", made.lane);
                if !self.notes.contains(&note) {
                    self.notes.push(note);
                }
            }
        }
        if !more.is_empty() {
            let is = if more.len() == 1 { "is" } else { "are" };
            self.notes.push(format!("{} that made a handle used here {is} kept, too", many(more.len(), "call")));
        }
        self.kept.extend(more);
    }

    fn done(
        mut self,
        mut cassette: Cassette,
        read: &mut dyn FnMut(usize) -> Result<Entry, TrimError>,
    ) -> Result<Trimmed, TrimError> {
        let positions: BTreeSet<u64> = self.kept.iter().flat_map(|index| self.sketch.positions(*index)).collect();
        let mut causeless = 0;
        (cassette.lanes, cassette.notes) = (Vec::new(), Vec::new());
        cassette.named.clear();
        for index in &self.kept {
            let Entry { line, mut record } = read(*index)?;
            if let Record::Frame(frame) = &mut record
                && frame.cue.is_some_and(|cue| !positions.contains(&cue.position()))
            {
                causeless += usize::from(matches!(frame.cue, Some(Cue::CausedBy(_))));
                frame.cue = None;
            }
            cassette.push(line, record);
        }
        if causeless > 0 {
            let waits = if causeless == 1 { "waits" } else { "wait" };
            let messages = many(causeless, "message");
            self.notes.push(format!("{messages} {waits} for its own player: the call that caused it is cut"));
        }
        Ok(Trimmed { cassette, notes: self.notes })
    }

    fn chosen_exchanges(&self) -> usize {
        self.kept.iter().filter(|index| self.sketch.exchange(**index).is_some()).count()
    }

    fn has_lane(&self, lane: &str) -> bool {
        self.lanes.is_empty() || self.lanes.contains(lane)
    }

    fn has_session(&self, session: Option<&String>) -> bool {
        self.sessions.is_empty() || session.is_some_and(|session| self.sessions.contains(session))
    }
}

#[cfg(test)]
mod tests;
