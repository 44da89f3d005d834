//! Ctrl-Z and `fg`: the terminal is given back before we stop, and taken again after.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::{Signal, getpgid, getpgrp, getpid, getppid, getsid, kill_process};
use tokio::signal::unix::{SignalKind, signal};

use super::foot;
use super::keys::Keys;

/// What was asked for since it was looked at last.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    stop: AtomicBool,
    resumed: AtomicBool,
}

impl Jobs {
    /// Hears Ctrl-Z from now on; needs a runtime.
    pub(super) fn heard() -> io::Result<Arc<Self>> {
        let (mut stop, mut resumed) = (signal(SignalKind::from_raw(Signal::TSTP.as_raw()))?, signal(CONTINUE)?);
        let jobs = Arc::new(Self::default());
        let told = Arc::downgrade(&jobs);
        tokio::spawn(async move {
            loop {
                let is_stop = tokio::select! {
                    Some(()) = stop.recv() => true,
                    Some(()) = resumed.recv() => false,
                    else => return,
                };
                match (told.upgrade(), is_stop) {
                    (Some(jobs), true) => jobs.stop.store(true, Ordering::Release),
                    (Some(jobs), false) => jobs.resumed.store(true, Ordering::Release),
                    // Nothing of the terminal is ours any more.
                    (None, true) => stop_now(),
                    (None, false) => {}
                }
            }
        });
        Ok(jobs)
    }

    /// Does what was asked for.
    pub(super) fn heed(&self, keys: &mut Keys) {
        if self.stop.swap(false, Ordering::AcqRel) && can_be_resumed() {
            self.resumed.store(false, Ordering::Release);
            foot::clear();
            keys.give_back();
            stop_now();
            while !self.resumed.load(Ordering::Acquire) {
                thread::sleep(A_MOMENT);
            }
        }
        if self.resumed.swap(false, Ordering::AcqRel) {
            keys.resume();
        }
    }
}

fn stop_now() {
    if can_be_resumed() {
        let _ = kill_process(getpid(), Signal::STOP);
    }
}

/// True when our parent is a shell that minds its jobs: without one, nobody would wake us.
fn can_be_resumed() -> bool {
    let Some(parent) = getppid() else { return false };
    let is_of_our_session = getsid(Some(parent)).is_ok_and(|session| getsid(None).is_ok_and(|ours| ours == session));
    is_of_our_session && getpgid(Some(parent)).is_ok_and(|group| group != getpgrp())
}

const CONTINUE: SignalKind = SignalKind::from_raw(Signal::CONT.as_raw());
const A_MOMENT: Duration = Duration::from_millis(20);
