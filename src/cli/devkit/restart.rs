//! Restarting a kit, and waiting until its portal is back.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::seconds;
use super::visit::Visit;
use crate::cli::{Failure, say};
use crate::devkit::{PortalError, Request};

/// Whether to restart the kit now, and how long that may take.
#[derive(Debug, clap::Args)]
pub(super) struct Restart {
    /// Restart the kit, which ends whatever runs there, and wait until its portal is back
    #[arg(long)]
    pub(super) restart: bool,
    /// Seconds a kit that restarts may stay away
    #[arg(long, default_value = "300", value_name = "SECONDS", value_parser = seconds)]
    pub(super) wait: Duration,
}

impl Restart {
    /// Restarts the kit if that was asked for, or says that it must be; then looks whether it has a proxy as it should.
    pub(super) async fn carry_out(&self, visit: &mut Visit, wanted: bool) -> Result<(), Failure> {
        let address = visit.address.clone();
        if !self.restart {
            say(&format!("{address}: restart it for that to take effect: --restart, or on the kit itself"));
            return Ok(());
        }
        match visit.portal.send(&Request::restart()).await {
            Ok(_) => {}
            // A kit that goes down need not answer first.
            Err(error) if error.is_unclear() => {}
            Err(error) => return Err(visit.failure(&error)),
        }
        say(&format!("{address}: restarting; its portal may take {} s to be back", self.wait.as_secs_f64()));
        match wait(visit, Phase::Up, self.wait).await? {
            Some(told) if told != wanted => Err(Failure::finding(format!(
                "{address}: it is back, but says that it has {} proxy",
                if told { "a" } else { "no" }
            ))
            .hint(format!(
                "look at the Network page of https://{address}; docs/devkits.md says what else can be done"
            ))),
            Some(_) => {
                say(&format!("{address}: it is back, and says that it has {} proxy", if wanted { "a" } else { "no" }));
                Ok(())
            }
            None => {
                say(&format!("{address}: it is back; its portal does not tell whether it has a proxy"));
                Ok(())
            }
        }
    }
}

/// Waits until a kit that broke off answers again: whether it has a proxy.
pub(super) async fn until_it_answers(visit: &mut Visit, most: Duration) -> Result<Option<bool>, Failure> {
    wait(visit, Phase::Down, most).await
}

/// What was last seen of a kit that restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// It still answers, as before.
    Up,
    /// It is away: the next answer is the new one's.
    Down,
}

async fn wait(visit: &mut Visit, mut phase: Phase, most: Duration) -> Result<Option<bool>, Failure> {
    let (begun, mut told_at) = (Instant::now(), Instant::now());
    let mut last = None;
    while let Some(left) = most.checked_sub(begun.elapsed()) {
        match timeout(LOOK.min(left), visit.portal.has_proxy()).await {
            Ok(Ok(told)) if phase == Phase::Down => return Ok(told),
            Ok(Ok(_)) => {}
            Ok(Err(error)) if error.is_absence() => {
                phase = Phase::Down;
                last = Some(error);
            }
            Ok(Err(error)) => return Err(visit.failure(&error)),
            // Who does not answer at all is away, too.
            Err(_) => phase = Phase::Down,
        }
        if told_at.elapsed() >= TOLD_EVERY {
            told_at = Instant::now();
            say(&format!("{}: still waiting, for {} s now", visit.address, begun.elapsed().as_secs()));
        }
        sleep(LOOKED_EVERY.min(left)).await;
    }
    Err(away(visit, phase, last, most))
}

fn away(visit: &Visit, phase: Phase, last: Option<PortalError>, most: Duration) -> Failure {
    let (address, most) = (&visit.address, most.as_secs_f64());
    if phase == Phase::Up {
        return Failure::runtime(format!("{address}: it has not restarted within {most} s"))
            .hint("restart it on the kit itself");
    }
    let last = last.map(|error| format!(": {error}")).unwrap_or_default();
    Failure::runtime(format!("{address}: it is not back within {most} s{last}")).hint(format!(
        "look at the kit itself; once it is up, `tapdeck devkit status {address}` tells, and --wait waits longer"
    ))
}

/// How long one look at a kit that restarts may take.
const LOOK: Duration = Duration::from_secs(5);
const LOOKED_EVERY: Duration = Duration::from_secs(1);
const TOLD_EVERY: Duration = Duration::from_secs(15);
