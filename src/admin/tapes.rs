//! Cassettes by name, read once for all sessions that play the same one, and forgotten with the last of these.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Weak};

use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use super::Fault;
use crate::cassette::{Cassette, CassetteError, Seal};
use crate::intercept::Neighbours;
use crate::replay::Tape;

/// How a cassette is made ready for playing; or one line that says why it is not.
pub type Prepare = dyn Fn(&Cassette) -> Result<Tape, String> + Send + Sync;

/// The cassettes of one folder.
pub(super) struct Tapes {
    folder: PathBuf,
    prepare: Arc<Prepare>,
    /// Those that somebody plays, by name and contents.
    known: Mutex<BTreeMap<(String, [u8; 32]), Known>>,
}

/// A cassette that is played, as long as it is.
struct Known {
    tape: Weak<Tape>,
    facts: Facts,
}

/// A cassette to play.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What it plays.
    pub tape: Arc<Tape>,
    /// What else matters of it.
    pub facts: Facts,
}

/// What matters of a cassette beside its tape.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Hosts it answers for beside the contract's own.
    pub neighbours: Neighbours,
    /// How far it can be trusted.
    pub seal: Seal,
}

impl Loaded {
    /// A cassette and what was made of it.
    pub fn of(cassette: &Cassette, tape: Tape) -> Self {
        let facts = Facts { neighbours: Neighbours::of(cassette), seal: cassette.seal };
        Self { tape: Arc::new(tape), facts }
    }
}

impl Tapes {
    pub(super) fn new(folder: PathBuf, prepare: Arc<Prepare>) -> Self {
        Self { folder, prepare, known: Mutex::default() }
    }

    /// The cassette of a name. One at a time is read: many sessions that start together read it once.
    pub(super) async fn load(&self, name: &str) -> Result<Loaded, Fault> {
        let path = self.path(name)?;
        let mut known = self.known.lock().await;
        known.retain(|_, known| known.tape.strong_count() > 0);
        let (label, prepare) = (PathBuf::from(name), Arc::clone(&self.prepare));
        let bytes = blocking(move || bytes_of(&path, &label)).await??;
        let key = (name.to_owned(), Sha256::digest(&bytes).into());
        if let Some(Known { tape, facts }) = known.get(&key)
            && let Some(tape) = tape.upgrade()
        {
            return Ok(Loaded { tape, facts: facts.clone() });
        }
        let label = PathBuf::from(name);
        let loaded = blocking(move || {
            let cassette = Cassette::parse(&label, &bytes).map_err(|error| unreadable(&error))?;
            let tape = prepare(&cassette).map_err(|reason| Fault::new(422, "unplayable-cassette", reason))?;
            Ok(Loaded::of(&cassette, tape))
        });
        let loaded: Loaded = loaded.await??;
        known.insert(key, Known { tape: Arc::downgrade(&loaded.tape), facts: loaded.facts.clone() });
        Ok(loaded)
    }

    /// The file of a name, which must not lead out of the folder.
    fn path(&self, name: &str) -> Result<PathBuf, Fault> {
        let within = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
        if name.is_empty() || name.contains(['\\', '\0']) || !Path::new(name).components().all(within) {
            let detail = format!("`cassette` names a file below {}: no absolute path, no `..`", self.folder.display());
            return Err(Fault::new(400, "bad-cassette-name", detail));
        }
        let path = self.folder.join(name);
        let missing = |error: std::io::Error| {
            let detail = format!("no cassette {name:?} below {}: {error}; check the name", self.folder.display());
            Fault::new(404, "no-cassette", detail)
        };
        let (folder, found) = (self.folder.canonicalize().map_err(missing)?, path.canonicalize().map_err(missing)?);
        if !found.starts_with(&folder) || !found.is_file() {
            let detail = format!("{name:?} is no file below {}; name a cassette there", self.folder.display());
            return Err(Fault::new(404, "no-cassette", detail));
        }
        Ok(found)
    }
}

fn bytes_of(path: &Path, label: &Path) -> Result<Vec<u8>, Fault> {
    let opened = std::fs::File::open(path).map_err(|source| CassetteError::Io { path: label.to_owned(), source });
    opened.and_then(|file| Cassette::bytes_from(label, file)).map_err(|error| unreadable(&error))
}

/// Work that may take a while, away from the threads that answer.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Fault> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| Fault::new(500, "not-loaded", "reading the cassette was broken off; try again".to_owned()))
}

/// A cassette that cannot be read.
pub(super) fn unreadable(error: &CassetteError) -> Fault {
    Fault::new(422, "unreadable-cassette", format!("{error}; {}", error.hint()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tapes(folder: &Path) -> Tapes {
        Tapes::new(folder.to_owned(), Arc::new(|cassette| Ok(Tape::of(cassette))))
    }

    #[tokio::test]
    async fn equal_cassettes_are_read_once_and_forgotten_with_the_last() {
        let tapes = tapes(Path::new(env!("CARGO_MANIFEST_DIR")));
        let name = "cassettes/invite.cassette.json";
        let (first, second) = (tapes.load(name).await.unwrap(), tapes.load(name).await.unwrap());
        assert!(Arc::ptr_eq(&first.tape, &second.tape));
        drop((first, second));
        tapes.load("cassettes/taps.cassette.json").await.unwrap();
        assert_eq!(tapes.known.lock().await.len(), 1, "the other is forgotten");
    }

    #[tokio::test]
    async fn a_name_stays_below_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("a.json"), "{}").unwrap();
        std::fs::write(dir.path().join("bad.json"), "{}").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(outside.path().join("a.json"), dir.path().join("link.json")).unwrap();
        let absolute = outside.path().join("a.json").display().to_string();
        for (name, status, code) in [
            ("", 400, "bad-cassette-name"),
            ("../a.json", 400, "bad-cassette-name"),
            ("x/../../a.json", 400, "bad-cassette-name"),
            ("a\\..\\b", 400, "bad-cassette-name"),
            (absolute.as_str(), 400, "bad-cassette-name"),
            ("none.json", 404, "no-cassette"),
            (".", 404, "no-cassette"),
            ("link.json", 404, "no-cassette"),
            ("bad.json", 422, "unreadable-cassette"),
        ] {
            let fault = tapes(dir.path()).load(name).await.unwrap_err();
            assert_eq!((fault.status, fault.code), (status, code), "{name}: {fault}");
            assert!(!fault.detail.contains('\n'), "{fault}");
        }
    }
}
