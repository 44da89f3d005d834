//! `tapdeck devkit enable`: a kit's proxy is our deck, and the kit trusts our authority.

use jiff::Timestamp;

use super::change::{self, Undone};
use super::deck::{Deck, lack};
use super::restart::Restart;
use super::visit::{Lost, Visit};
use super::{Kit, firewall};
use crate::cli::{Code, Failure, ca, print, say};
use crate::devkit::{Enabled, Fingerprint, ProxyAt, Request};
use crate::intercept::Authority;

/// Which kit, and which deck.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Options {
    #[command(flatten)]
    kit: Kit,
    #[command(flatten)]
    deck: Deck,
    #[command(flatten)]
    restart: Restart,
}

pub(super) async fn run(options: &Options) -> Result<Code, Failure> {
    let Options { kit, deck, restart } = options;
    let proxy = deck.proxy(&kit.address).await?;
    if kit.dry_run {
        dry_run(options, &proxy)?;
        tell_needs(kit, &proxy).await;
        return Ok(Code::Clean);
    }
    let authority = ca::open(&kit.home)?;
    let mut visit = Visit::begin(kit, Lost::IsFatal).await?;
    let had_proxy = visit.has_proxy().await?;
    set(&mut visit, &proxy, &authority, had_proxy, restart).await?;
    say(&format!("{}: its proxy will be {proxy}, and it will trust {}", kit.address, authority.path().display()));
    tell_needs(kit, &proxy).await;
    say(&format!("undo: tapdeck devkit disable {}", kit.address));
    restart.carry_out(&mut visit, true).await?;
    Ok(Code::Clean)
}

/// Says what this machine needs for the kit to reach the deck.
async fn tell_needs(kit: &Kit, proxy: &ProxyAt) {
    if let Ok(found) = kit.address.resolve().await
        && let Some(at) = found.first()
    {
        if let Some(lack) = lack(proxy, at.ip()).await {
            say(&lack);
        }
        say(&firewall::rule(std::env::consts::OS, proxy.port, at.ip()));
    }
}

/// Sets the proxy. What is to be undone is noted before; a plain refusal leaves the notes as they were.
async fn set(
    visit: &mut Visit,
    proxy: &ProxyAt,
    authority: &Authority,
    has_proxy: Option<bool>,
    restart: &Restart,
) -> Result<(), Failure> {
    let before = visit.notes.enabled.take();
    visit.notes.enabled = Some(Enabled {
        at: Timestamp::now(),
        proxy: proxy.clone(),
        authority: Fingerprint::of(authority.cert_der()),
        had_proxy: before.as_ref().map_or(has_proxy, |before| before.had_proxy),
        accepted: false,
    });
    visit.keep()?;
    let request = Request::enable(proxy, authority.cert_der());
    if let Err(undone) = change::make(visit, &request, (has_proxy, true), restart.wait).await {
        if matches!(undone, Undone::Refused(_)) {
            visit.notes.enabled = before;
            visit.keep()?;
        }
        return Err(undone.failure());
    }
    if let Some(enabled) = &mut visit.notes.enabled {
        enabled.accepted = true;
    }
    visit.keep()
}

fn dry_run(options: &Options, proxy: &ProxyAt) -> Result<(), Failure> {
    let Options { kit, restart, .. } = options;
    let authority = Authority::load(&kit.home.dir()?).map_err(|error| {
        ca::failure(error).hint("a dry run makes nothing, and there must be an authority: `tapdeck ca create` makes it")
    })?;
    let mut requests = vec![Request::proxy_state(), Request::enable(proxy, authority.cert_der())];
    requests.extend(restart.restart.then(Request::restart));
    let shown: String = requests.iter().map(|request| request.shown(&kit.address, kit.user.as_deref())).collect();
    print(&shown)
}
