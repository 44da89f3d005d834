//! The query string of session and batch queries, read into types, and who may ask for what (mpsd-wire §2.7).

use crate::emulator::caps;
use crate::emulator::people::{Caller, Principal};
use crate::emulator::policy::Policies;
use crate::emulator::refusal::Refusal;
use crate::exchange::Call;
use crate::mpsd::name::is_xuid;
use crate::mpsd::system::Misfit;
use crate::mpsd::target::parameters;
use crate::mpsd::version::Contract;

/// What sessions are asked for.
#[derive(Debug)]
pub(super) struct Parameters {
    /// Only with this keyword.
    pub(super) keyword: Option<String>,
    /// Only of these players, row by row.
    pub(super) xuids: Option<Vec<String>>,
    /// Also where a player is only reserved.
    pub(super) reservations: bool,
    /// Also where a player is not active.
    pub(super) inactive: bool,
    /// Also private sessions.
    pub(super) private: bool,
    /// Only of this visibility.
    pub(super) visibility: Option<String>,
    /// Only up to this major version.
    pub(super) version: Option<u64>,
    /// At most so many.
    pub(super) take: usize,
}

impl Parameters {
    /// Reads a query; a batch names its players in the body.
    pub(super) fn read(
        call: &Call,
        batch: Option<Vec<String>>,
        contract: Contract,
        policies: &Policies,
    ) -> Result<Self, Refusal> {
        let stated = Stated::of(call)?;
        let xuid = stated.text("xuid");
        if xuid.is_some_and(|xuid| !is_xuid(xuid)) {
            return Err(misfit("xuid", "is not an xuid"));
        }
        if xuid.is_some() && batch.is_some() {
            return Err(misfit("xuid", "does not go with a batch, which names its players in the body"));
        }
        let query = Self {
            keyword: stated.text("keyword").map(str::to_lowercase),
            xuids: batch.or_else(|| xuid.map(|xuid| vec![xuid.to_owned()])),
            reservations: stated.flag("reservations")?,
            inactive: stated.flag("inactive")?,
            private: stated.flag("private")?,
            visibility: stated.visibility()?,
            version: stated.number("version", contract.number() % 100)?,
            take: stated.take()?,
        };
        query.check(policies)?;
        Ok(query)
    }

    fn check(&self, policies: &Policies) -> Result<(), Refusal> {
        if self.keyword.is_none() && self.xuids.is_none() {
            let reason = "A query of sessions needs a keyword or an xuid.";
            return Err(Refusal::Chosen(policies.open_query_status, reason));
        }
        if self.xuids.is_none() && (self.reservations || self.inactive) {
            return Err(Refusal::invalid("The parameters reservations and inactive need an xuid."));
        }
        if self.visibility.as_deref() == Some("private") && !self.private {
            return Err(misfit("visibility", "is private, which needs private=true"));
        }
        Ok(())
    }

    /// Refuses a look at what is not the caller's own, whether or not anything is there.
    pub(super) fn allow(&self, caller: &Caller) -> Result<(), Refusal> {
        let is_own = self.xuids.as_ref().is_some_and(|xuids| xuids.iter().all(|xuid| *xuid == caller.xuid));
        match (self.private || self.reservations) && !is_own && caller.principal != Principal::Server {
            true => Err(Refusal::Forbidden("Private sessions and reservations are shown to their player only.")),
            false => Ok(()),
        }
    }
}

/// The parameters as they stand in the target, by lower-case name.
struct Stated(Vec<(String, String)>);

impl Stated {
    fn of(call: &Call) -> Result<Self, Refusal> {
        let mut stated = Self(Vec::new());
        for (name, value) in parameters(&call.request.target) {
            let name = name.text.to_ascii_lowercase();
            let Some(known) = NAMES.iter().find(|known| **known == name) else { continue };
            if stated.text(known).is_some() {
                return Err(misfit(known, "is named twice"));
            }
            let value = value.map(|value| value.text).filter(|value| !value.is_empty());
            stated.0.push((name, value.ok_or_else(|| misfit(known, "has no value"))?));
        }
        Ok(stated)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn flag(&self, name: &'static str) -> Result<bool, Refusal> {
        match self.text(name).map(str::to_ascii_lowercase).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(misfit(name, "is neither true nor false")),
        }
    }

    fn number(&self, name: &'static str, most: u64) -> Result<Option<u64>, Refusal> {
        let Some(text) = self.text(name) else { return Ok(None) };
        match text.parse().ok().filter(|number| *number <= most) {
            Some(number) => Ok(Some(number)),
            None => Err(misfit(name, "is not a whole number in its range")),
        }
    }

    fn take(&self) -> Result<usize, Refusal> {
        let take = self.number("take", caps::RESULTS as u64)?;
        Ok(take.and_then(|take| usize::try_from(take).ok()).unwrap_or(caps::RESULTS))
    }

    /// `any` is a client's word for no wish.
    fn visibility(&self) -> Result<Option<String>, Refusal> {
        match self.text("visibility").map(str::to_ascii_lowercase) {
            None => Ok(None),
            Some(word) if word == "any" => Ok(None),
            Some(word) if VISIBILITIES.contains(&word.as_str()) => Ok(Some(word)),
            Some(_) => Err(misfit("visibility", "is not one of its documented words")),
        }
    }
}

fn misfit(name: &str, fault: &'static str) -> Refusal {
    let Misfit { place, fault } = Misfit::new("", name, fault);
    Refusal::Invalid(format!("The parameter {place} {fault}."))
}

const NAMES: [&str; 8] = ["keyword", "xuid", "reservations", "inactive", "private", "visibility", "version", "take"];

const VISIBILITIES: [&str; 4] = ["open", "visible", "full", "private"];
