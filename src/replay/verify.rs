//! Does a recording replay? Every exchange is played to itself, each lane as its own client.

use std::net::{IpAddr, Ipv4Addr};

use super::{Options, Played, Player, Recorded, Tape};
use crate::cassette::Cassette;
use crate::exchange::{Call, LaneKey, Protocol};
use crate::message::{Body, Response, strip_hop_by_hop};
use crate::mpsd::Service;

/// An exchange that does not replay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfaithful {
    /// Its number in the cassette, from 1.
    pub exchange: usize,
    /// The line of the cassette file it starts at.
    pub line: usize,
    /// What happened instead.
    pub what: String,
}

/// Plays a cassette to itself and returns what did not come back equal.
pub fn verify(cassette: &Cassette) -> Vec<Unfaithful> {
    let player = Player::new(Tape::of(cassette), Options::default());
    let lanes = player.tape().lanes().to_vec();
    let mut unfaithful = Vec::new();
    for (at, recorded) in Recorded::all(cassette).into_iter().enumerate() {
        let lane = lanes.iter().position(|lane| *lane == recorded.lane).unwrap_or(0);
        let call = call(&recorded, lane);
        player.assign(LaneKey::of(&call), lane);
        let (response, played) = player.answer(&call, &call);
        let what = match played {
            Played::Miss(miss) => Some(miss.to_string()),
            _ => difference(&recorded.response, &response).map(|part| format!("its {part} comes back different")),
        };
        if let Some(what) = what {
            unfaithful.push(Unfaithful { exchange: at + 1, line: recorded.line, what });
        }
    }
    unfaithful
}

/// The first part in which two answers are not equal (design: headers by name and order of repeats, and bodies,
/// leaving out hop-by-hop headers and our own).
pub fn difference(left: &Response, right: &Response) -> Option<&'static str> {
    if left.status != right.status {
        return Some("status");
    }
    if header_lines(left) != header_lines(right) {
        return Some("headers");
    }
    let bytes = |body: &Body| (body.decoded().cloned(), body.coding());
    (bytes(&left.body) != bytes(&right.body) || left.body.wire() != right.body.wire()).then_some("body")
}

fn header_lines(response: &Response) -> Vec<(String, Vec<u8>)> {
    let mut headers = response.headers.clone();
    strip_hop_by_hop(&mut headers);
    headers.retain(|header| !header.name.starts_with("tapdeck-"));
    let mut lines: Vec<_> = headers.iter().map(|header| (header.name.clone(), header.value.to_vec())).collect();
    lines.sort_by(|left, right| left.0.cmp(&right.0));
    lines
}

/// Every lane calls from an address of its own, so that no two are taken for one.
fn call(recorded: &Recorded, lane: usize) -> Call {
    let number = u32::try_from(lane).unwrap_or(u32::MAX);
    let client = IpAddr::V4(Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 0, 0, 0)) | (number & 0x00ff_ffff)));
    let service = Service::of_host(recorded.request.host()).unwrap_or(Service::Mpsd);
    Call::new(client, Protocol::H1, service, recorded.request.clone())
}
