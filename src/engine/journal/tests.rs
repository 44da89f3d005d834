use std::sync::Mutex;

use tokio::task::JoinSet;

use super::*;
use crate::cassette::{Cassette, Circumstances, HttpRecord, Mark, WireBytes};
use crate::exchange::{Answer, Protocol};
use crate::message::{Headers, Request, Response};

fn line(asked: u64, target: &str) -> LineBody {
    let about = Circumstances {
        lane: "lane-1".into(),
        op: "session.get".into(),
        asked,
        protocol: Protocol::H1,
        timing: None,
        request_wire: WireBytes::Keep,
        response_wire: WireBytes::Keep,
    };
    let request = Request { method: "GET".into(), target: target.into(), ..Request::default() };
    LineBody::http(&HttpRecord::new(about, &request, &Answer::answered(Response::new(204, Headers::new(), ""))))
}

fn ask(position: &AtomicU64) -> u64 {
    position.fetch_add(1, Ordering::SeqCst) + 1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_appends_stand_in_the_order_of_their_positions() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.cassette.jsonl");
    let position = Arc::new(AtomicU64::new(0));
    let journal = Journal::create(&path, position.clone(), Bounds::default()).unwrap();
    let mut calls = JoinSet::new();
    for task in 0..64 {
        let (journal, position) = (journal.clone(), position.clone());
        calls.spawn(async move {
            let mut last = 0;
            for n in 0..8 {
                let asked = ask(&position);
                let target = format!("/{task}/{n}");
                let unit = vec![LineBody::lane(&format!("lane-{task}")), line(asked, &target)];
                let answered = journal.append(unit).await.unwrap();
                assert!(answered > asked && asked > last);
                last = answered;
            }
        });
    }
    while let Some(call) = calls.join_next().await {
        call.unwrap();
    }
    journal.close().await.unwrap();
    assert!(matches!(journal.append(vec![line(1, "/")]).await, Err(JournalError::Closed)));

    let cassette = Cassette::read(&path).unwrap();
    let answered: Vec<u64> = cassette.exchanges().map(|http| http.answered).collect();
    assert_eq!((answered.len(), cassette.lanes.len(), cassette.lost()), (512, 64, 0));
    assert!(answered.is_sorted_by(|before, after| before < after));
    assert_eq!(position.load(Ordering::SeqCst), 1024);
}

#[tokio::test]
async fn lines_without_a_position_take_none() {
    let directory = tempfile::tempdir().unwrap();
    let position = Arc::new(AtomicU64::new(7));
    let journal =
        Journal::create(&directory.path().join("a.cassette.jsonl"), position.clone(), Bounds::default()).unwrap();
    let mark = LineBody::mark(&Mark { at_position: 7, text: "now".into() });
    assert_eq!(journal.append(vec![mark]).await.unwrap(), 7);
    assert_eq!(journal.append(vec![line(1, "/"), line(2, "/")]).await.unwrap(), 9);
}

#[tokio::test]
async fn an_existing_recording_is_never_touched() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.cassette.jsonl");
    fs::write(&path, "precious").unwrap();
    let error = Journal::create(&path, Arc::default(), Bounds::default()).unwrap_err();
    assert!(matches!(error, JournalError::Exists { .. }), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"precious");
}

#[tokio::test]
async fn a_unit_no_line_can_hold_is_refused_alone() {
    let directory = tempfile::tempdir().unwrap();
    let journal =
        Journal::create(&directory.path().join("a.cassette.jsonl"), Arc::default(), Bounds::default()).unwrap();
    let large = line(1, &"x".repeat(MAX_LINE));
    assert!(matches!(journal.append(vec![large]).await, Err(JournalError::TooLarge { .. })));
    assert_eq!(journal.append(vec![line(1, "/")]).await.unwrap(), 1);
}

/// A disk with room for so many bytes, which writes what it can before it says so.
#[derive(Clone)]
struct SmallDisk {
    bytes: Arc<Mutex<Vec<u8>>>,
    room: usize,
    /// How many bytes have been brought to the disk; `None` once it breaks.
    synced: Arc<Mutex<Option<usize>>>,
}

impl SmallDisk {
    fn new(room: usize) -> Self {
        Self { bytes: Arc::default(), room, synced: Arc::new(Mutex::new(Some(0))) }
    }
}

impl Write for SmallDisk {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        let mut bytes = self.bytes.lock().unwrap();
        let fits = more.len().min(self.room - bytes.len());
        bytes.extend_from_slice(&more[..fits]);
        if fits == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(fits) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Storage for SmallDisk {
    fn sync(&mut self) -> io::Result<()> {
        let synced = &mut *self.synced.lock().unwrap();
        let synced = synced.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        *synced = self.bytes.lock().unwrap().len();
        Ok(())
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.bytes.lock().unwrap().truncate(usize::try_from(length).unwrap());
        Ok(())
    }

    fn next(&self, _: &Path) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[tokio::test]
async fn a_full_disk_keeps_whole_lines_and_fails_everything_after() {
    let disk = SmallDisk::new(2_000);
    let journal =
        Journal::start(Path::new("small.cassette.jsonl"), disk.clone(), Arc::default(), Bounds::default()).unwrap();
    let mut written = 0;
    let failure = loop {
        match journal.append(vec![line(1, "/some/target")]).await {
            Ok(_) => written += 1,
            Err(failure) => break failure,
        }
    };
    assert!(written > 2);
    assert!(failure.to_string().contains("disk of small.cassette.jsonl is full"), "{failure}");
    // A shorter unit would fit into the room that is left; the journal has failed all the same.
    assert!(matches!(journal.append(vec![LineBody::lane("a")]).await, Err(JournalError::Full { .. })));
    assert!(matches!(journal.close().await, Err(JournalError::Full { .. })));

    let bytes = disk.bytes.lock().unwrap().clone();
    assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), written + 1);
    assert!(bytes.ends_with(b"\n"));
}

#[tokio::test]
async fn closing_brings_everything_to_the_disk() {
    let disk = SmallDisk::new(100_000);
    let journal = Journal::start(Path::new("x"), disk.clone(), Arc::default(), Bounds::default()).unwrap();
    let (one, two) = (journal.clone(), journal.clone());
    let (one, two) = tokio::join!(one.append(vec![line(1, "/1")]), two.append(vec![line(1, "/2")]));
    assert_eq!(one.unwrap() + two.unwrap(), 3);
    journal.close().await.unwrap();
    assert_eq!(*disk.synced.lock().unwrap(), Some(disk.bytes.lock().unwrap().len()));
}

#[tokio::test]
async fn a_disk_that_cannot_keep_what_it_took_is_reported_at_the_end() {
    let disk = SmallDisk::new(100_000);
    let journal = Journal::start(Path::new("x"), disk.clone(), Arc::default(), Bounds::default()).unwrap();
    journal.append(vec![line(1, "/1")]).await.unwrap();
    *disk.synced.lock().unwrap() = None;
    let failure = journal.close().await.unwrap_err().to_string();
    assert!(failure.starts_with("cannot write x: "), "{failure}");
}

/// The parts of a journal, each as its own file, and what all of them say together.
fn parts_of(path: &Path) -> (Vec<Cassette>, Cassette) {
    let parts = crate::cassette::parts(path).unwrap();
    let alone = |(part, path): &(u32, PathBuf)| {
        let text = fs::read(path).unwrap();
        Cassette::parse(path, &text).unwrap_or_else(|error| panic!("part {part}: {error}"))
    };
    (parts.iter().map(alone).collect(), Cassette::read(path).unwrap())
}

#[tokio::test]
async fn a_long_journal_goes_on_in_parts_that_stand_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.cassette.jsonl");
    let position = Arc::new(AtomicU64::new(0));
    let journal = Journal::create(&path, position.clone(), Bounds { part: 1000, most: Some(6000) }).unwrap();
    let mut had = Vec::new();
    while !journal.spent().is_cancelled() {
        let asked = ask(&position);
        had.push(journal.append(vec![LineBody::lane("lane-1"), line(asked, "/")]).await.unwrap());
        assert!(had.len() < 100);
    }
    had.push(journal.append(vec![LineBody::lane("lane-1"), line(ask(&position), "/")]).await.unwrap());
    journal.close().await.unwrap();

    let (alone, together) = parts_of(&path);
    assert!(alone.len() > 4, "{}", alone.len());
    for part in &alone {
        assert_eq!((part.lanes.as_slice(), part.recorded), (["lane-1".to_owned()].as_slice(), together.recorded));
        assert!(part.exchanges().count() > 1);
    }
    let answered = |cassette: &Cassette| cassette.exchanges().map(|http| http.answered).collect::<Vec<_>>();
    assert_eq!(alone.iter().flat_map(answered).collect::<Vec<_>>(), had);
    assert_eq!(answered(&together), had);
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.matches("\"kind\":\"lane\"").count(), 1, "named once in each part");
}

#[tokio::test]
async fn a_part_that_cannot_be_begun_is_put_off() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.cassette.jsonl");
    let position = Arc::new(AtomicU64::new(1));
    let journal = Journal::create(&path, position, Bounds { part: 1000, most: None }).unwrap();
    let second = part_path(&path, 2);
    fs::write(&second, "somebody else's").unwrap();
    for _ in 0..20 {
        journal.append(vec![line(1, "/")]).await.unwrap();
    }
    assert!(fs::metadata(&path).unwrap().len() > 4000);
    fs::remove_file(&second).unwrap();
    for _ in 0..10 {
        journal.append(vec![line(1, "/")]).await.unwrap();
    }
    journal.close().await.unwrap();
    let (alone, together) = parts_of(&path);
    assert!(alone.len() > 1);
    assert_eq!(together.exchanges().count(), 30);
}

#[tokio::test]
async fn a_part_left_behind_is_in_the_way_of_another_recording() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.cassette.jsonl");
    fs::write(part_path(&path, 3), "precious").unwrap();
    let error = Journal::create(&path, Arc::default(), Bounds::default()).unwrap_err();
    assert!(error.to_string().contains("a.3.cassette.jsonl exists"), "{error}");
    assert!(!path.exists());
}
