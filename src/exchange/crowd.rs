//! How many players are told apart: tokens without a user hash may be new with every call.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::{Call, LaneKey};

/// The players seen so far.
#[derive(Debug, Default)]
pub struct Crowd {
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    keys: BTreeSet<LaneKey>,
    is_full: bool,
}

impl Crowd {
    /// The call as its own player's; when there are too many, a new player's calls are all its address's.
    pub fn admitted(&self, call: Call) -> Call {
        let key = LaneKey::of(&call);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.keys.contains(&key) {
            return call;
        }
        if seen.keys.len() < MOST {
            seen.keys.insert(key);
            return call;
        }
        if !std::mem::replace(&mut seen.is_full, true) {
            tracing::warn!(
                "{MOST} players are told apart and no more: further ones are one lane for each address; players that \
                 are given names stay the same, whatever tokens they show"
            );
        }
        let lane = Some(LaneKey::Address(call.client));
        Call { name: None, lane, ..call }
    }
}

const MOST: usize = 1000;

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::exchange::Protocol;
    use crate::message::Request;
    use crate::mpsd::Service;

    fn call(authorization: &str) -> Call {
        let headers = [("authorization", authorization)].into_iter().collect();
        let request = Request { headers, ..Request::default() };
        Call::new(IpAddr::V4(Ipv4Addr::LOCALHOST), Protocol::H1, Service::Mpsd, request)
    }

    #[test]
    fn ever_new_tokens_end_up_in_one_lane_and_known_players_keep_theirs() {
        let crowd = Crowd::default();
        let lanes = |from: usize, to: usize| -> BTreeSet<LaneKey> {
            (from..to).map(|n| LaneKey::of(&crowd.admitted(call(&format!("XBL3.0 x=-;{n}"))))).collect()
        };
        let first = lanes(0, MOST);
        assert_eq!(first.len(), MOST);
        assert_eq!(lanes(MOST, 3 * MOST), BTreeSet::from([LaneKey::Address(Ipv4Addr::LOCALHOST.into())]));
        assert_eq!(lanes(0, MOST), first);
        let named = Call { name: Some("late".parse().unwrap()), ..call("XBL3.0 x=7;t") };
        assert_eq!(LaneKey::of(&crowd.admitted(named)), LaneKey::Address(Ipv4Addr::LOCALHOST.into()));
    }
}
