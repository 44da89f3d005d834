//! `tapdeck devkit disable`: the undoing, which needs nothing that was kept.

use super::Kit;
use super::change;
use super::restart::Restart;
use super::visit::{Lost, Visit};
use crate::cli::{Code, Failure, print, say};
use crate::devkit::Request;

/// Which kit.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Options {
    #[command(flatten)]
    kit: Kit,
    #[command(flatten)]
    restart: Restart,
}

pub(super) async fn run(options: &Options) -> Result<Code, Failure> {
    let Options { kit, restart } = options;
    let request = Request::disable();
    if kit.dry_run {
        let mut requests = vec![Request::proxy_state(), request];
        requests.extend(restart.restart.then(Request::restart));
        print(&requests.iter().map(|request| request.shown(&kit.address, kit.user.as_deref())).collect::<String>())?;
        return Ok(Code::Clean);
    }
    let mut visit = Visit::begin(kit, Lost::IsTold).await?;
    let before = visit.has_proxy().await?;
    // What was set since the last restart may not show yet, so it is asked for in any case.
    change::make(&mut visit, &request, (before, false), restart.wait).await.map_err(change::Undone::failure)?;
    say(&format!("{}: it will have no proxy", kit.address));
    if let Some(enabled) = visit.notes.enabled.take() {
        visit.keep()?;
        say(&format!("{}: forgot that {} was set from here", kit.address, enabled.proxy));
        if enabled.had_proxy == Some(true) {
            say(&format!(
                "{}: it had another proxy before that, which its portal does not name: set it again on its Network page",
                kit.address
            ));
        }
    }
    restart.carry_out(&mut visit, false).await?;
    Ok(Code::Clean)
}
