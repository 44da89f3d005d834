//! Who may come in: this machine, the networks somebody named, and whoever knows the password.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ::http::{HeaderMap, header};
use ipnet::IpNet;

use super::arrivals::{Event, Miss};
use super::secret::Secret;
use super::session::Session;
use super::{Door, names};
use crate::message::Response;

/// Who may come in besides this machine itself.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// Whole networks, and single addresses.
    pub networks: Vec<Network>,
    /// What everybody else must send as a proxy's password; without one they are turned away.
    pub password: Option<Secret>,
}

/// Addresses that begin alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(IpNet);

impl Network {
    /// The smallest usual network an address is in: what a home or an office calls its own.
    pub fn around(address: IpAddr) -> Self {
        let address = address.to_canonical();
        let length = if address.is_ipv4() { 24 } else { 64 };
        Self(IpNet::new(address, length).map_or_else(|_| address.into(), |network| network.trunc()))
    }

    /// An address in it that a machine can have.
    pub fn first(&self) -> IpAddr {
        self.0.hosts().next().unwrap_or_else(|| self.0.addr())
    }

    /// True for an address in it, however it is written.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl FromStr for Network {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        let network: IpNet = network.map_err(|_| "write an address or a network, like 192.168.1.0/24 or fd00::/8")?;
        Ok(Self(network.trunc()))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How a client comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// Just so.
    Welcome,
    /// With the password, each time it asks for something.
    WithPassword,
    /// Not at all.
    Never,
}

impl Access {
    /// How a client at `peer` comes in, who reached us at `here`: who has an address of ours is on this machine.
    pub(super) fn admission(&self, peer: IpAddr, here: IpAddr) -> Admission {
        let (peer, here) = (peer.to_canonical(), here.to_canonical());
        let is_near = peer.is_loopback() || peer == here;
        if is_near || self.networks.iter().any(|network| network.contains(peer)) {
            return Admission::Welcome;
        }
        if self.password.is_some() { Admission::WithPassword } else { Admission::Never }
    }
}

impl Door {
    /// Takes down that somebody from outside was turned away. It is said once, or a scan would fill the log.
    pub(super) fn turn_away(&self, client: IpAddr) {
        let why = "it is outside --allow".to_owned();
        if self.arrivals.note(client, Admission::Never, None, Event::Refused { why }) == Some(1) {
            tracing::warn!(
                "turned {client} away: it is neither on this machine nor in --allow; `--allow {client}` lets it in"
            );
        }
    }
}

impl Session {
    /// True for a client that must send the password and does not.
    pub(super) fn is_locked_out(&self, headers: &HeaderMap) -> bool {
        let is_known = || self.door.access.password.is_some_and(|password| shows(headers, password));
        self.admission != Admission::Welcome && !is_known()
    }

    /// The same connection, of a client that is welcome: it may have shown the password.
    pub(super) fn let_in(mut self) -> Self {
        if self.admission != Admission::Welcome {
            self.door.arrivals.let_in(self.client());
            self.admission = Admission::Welcome;
        }
        self
    }

    /// Asks a client for the password, and takes down how it missed it: not to send it unasked is no miss.
    pub(super) fn ask(&self, headers: &HeaderMap) -> Response {
        if headers.contains_key(header::PROXY_AUTHORIZATION) {
            self.keep_out(Miss::Wrong);
        } else if self.door.arrivals.is_overdue(self.client()) {
            self.keep_out(Miss::Nothing);
        } else {
            self.note(Event::Asked);
        }
        let mut answer = Response::problem(407, "proxy-password", HOW_TO_COME_IN);
        answer.headers.push("proxy-authenticate", r#"Basic realm="tapdeck""#);
        answer
    }

    /// Takes down that a client missed the password. Each way of it is said once.
    pub(super) fn keep_out(&self, miss: Miss) {
        let client = self.client();
        if self.note(Event::KeptOut { miss }) == Some(1) {
            tracing::warn!("kept {client} out: {miss}; `--allow {client}` lets it in without");
        }
    }
}

/// True for a request that carries the password, whatever its user is.
fn shows(headers: &HeaderMap, password: Secret) -> bool {
    let credentials = headers.get(header::PROXY_AUTHORIZATION).and_then(|value| value.to_str().ok());
    credentials.and_then(names::credentials).is_some_and(|(_, given)| password.is(given.as_bytes()))
}

const HOW_TO_COME_IN: &str = "this proxy has a password: write it as http://NAME:PASSWORD@HOST:PORT, with a player's \
                              name or none; or have your address let in with `--allow`";

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::Arc;

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::Semaphore;
    use tokio_util::sync::CancellationToken;
    use tokio_util::task::TaskTracker;

    use super::super::session::{Caller, Work};
    use super::super::{Authority, Dialler, Guest, Limits, Neighbours, Options, Others};
    use super::*;
    use crate::upstream::{Cut, Route};

    fn access(networks: &[&str], password: Option<&str>) -> Access {
        let networks = networks.iter().map(|network| network.parse().unwrap()).collect();
        Access { networks, password: password.map(Secret::of) }
    }

    #[test]
    fn this_machine_and_what_is_named_come_in() {
        let named = access(&["10.0.0.0/24", "192.168.7.9", "fd00:1::/32"], None);
        for (peer, expected) in [
            ("127.0.0.1", Admission::Welcome),
            ("127.9.9.9", Admission::Welcome),
            ("::1", Admission::Welcome),
            ("::ffff:127.0.0.1", Admission::Welcome),
            ("10.0.0.31", Admission::Welcome),
            ("::ffff:10.0.0.31", Admission::Welcome),
            ("10.0.1.31", Admission::Never),
            ("::ffff:10.0.1.31", Admission::Never),
            ("192.168.7.9", Admission::Welcome),
            ("192.168.7.10", Admission::Never),
            ("fd00:1:2::3", Admission::Welcome),
            ("fd00:2::3", Admission::Never),
            ("172.16.0.1", Admission::Welcome),
            ("::ffff:172.16.0.1", Admission::Welcome),
            ("172.16.0.2", Admission::Never),
        ] {
            let here = "172.16.0.1".parse().unwrap();
            assert_eq!(named.admission(peer.parse().unwrap(), here), expected, "{peer}");
        }
    }

    #[test]
    fn with_a_password_nobody_is_turned_away_at_once() {
        let (peer, here) = ("10.0.1.31".parse().unwrap(), "10.0.0.1".parse().unwrap());
        assert_eq!(access(&[], Some("x")).admission(peer, here), Admission::WithPassword);
        assert_eq!(access(&["10.0.0.0/15"], Some("x")).admission(peer, here), Admission::Welcome);
        assert_eq!(Access::default().admission(peer, here), Admission::Never);
    }

    #[test]
    fn networks_are_read_and_shown() {
        for (text, shown) in [
            ("10.0.0.31", "10.0.0.31/32"),
            ("10.0.0.31/24", "10.0.0.0/24"),
            ("fd00::1", "fd00::1/128"),
            ("fe80::1:2/64", "fe80::/64"),
            ("0.0.0.0/0", "0.0.0.0/0"),
        ] {
            assert_eq!(text.parse::<Network>().unwrap().to_string(), shown);
        }
        for bad in ["", "10.0.0", "10.0.0.0/33", "lan", "10.0.0.0-10.0.0.9", "10.0.0.1:80"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
        assert_eq!(Network::around("192.168.7.20".parse().unwrap()).to_string(), "192.168.7.0/24");
        assert_eq!(Network::around("fd00::7:1".parse().unwrap()).to_string(), "fd00::/64");
    }

    fn basic(plain: &str) -> String {
        format!("Basic {}", STANDARD.encode(plain))
    }

    /// A door that wants a password, and at which nothing is played.
    fn locked() -> Arc<Door> {
        let home = tempfile::tempdir().unwrap();
        let limits = Limits::default();
        Door::new(Options {
            engine: None,
            authority: Arc::new(Authority::create(home.path()).unwrap()),
            access: access(&[], Some("sesame")),
            about: String::new(),
            listeners: Vec::new(),
            reverse: None,
            neighbours: Neighbours::default(),
            others: Others::Refuse,
            dialler: Dialler::new(Route::default(), limits.connect),
            limits,
        })
    }

    /// What a client of another machine is answered.
    async fn asks(door: &Arc<Door>, credentials: Option<&str>) -> String {
        let token = CancellationToken::new();
        let work = Work { tracker: TaskTracker::new(), drain: token.clone(), abort: token };
        let (peer, here) = ("10.0.0.31:50000".parse().unwrap(), "10.0.0.1:8888".parse().unwrap());
        let seat = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        let admission = Admission::WithPassword;
        let caller = Caller { id: 1, peer, here, admission, seat, cut: Cut::default() };
        let session = Session::new(Arc::clone(door), work, caller);
        let (mut client, server) = tokio::io::duplex(1 << 16);
        session.clone().spawn(session.speak(server));
        let line = credentials.map_or_else(String::new, |given| format!("proxy-authorization: {}\r\n", basic(given)));
        let head = "GET http://sessiondirectory.xboxlive.com/handles/1 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n";
        client.write_all(format!("{head}{line}\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// What is known of it then.
    fn guest(door: &Door) -> Option<Guest> {
        let client = IpAddr::from([10, 0, 0, 31]);
        door.arrivals.all().into_iter().find_map(|(address, guest)| (address == client).then_some(guest))
    }

    #[tokio::test]
    async fn to_be_asked_for_the_password_is_no_refusal() {
        let door = locked();
        for _ in 0..3 {
            let answer = asks(&door, None).await;
            assert!(answer.starts_with("HTTP/1.1 407 ") && answer.contains("proxy-authenticate: "), "{answer}");
            let asked = guest(&door).unwrap();
            assert_eq!((asked.refused, asked.password.missed()), (0, None));
            let answer = asks(&door, Some("guest:sesame")).await;
            assert!(answer.contains("no-session"), "{answer}");
            assert_eq!(guest(&door).unwrap().password.asked(), None);
        }
        let guest = guest(&door).unwrap();
        assert_eq!((guest.refused, guest.calls), (0, 3));
    }

    #[tokio::test]
    async fn a_wrong_password_is_a_refusal_until_the_right_one_comes() {
        let door = locked();
        let answer = asks(&door, Some("guest:simsim")).await;
        assert!(answer.starts_with("HTTP/1.1 407 "), "{answer}");
        let refused = guest(&door).unwrap();
        assert_eq!((refused.refused, refused.password.missed()), (1, Some(Miss::Wrong)));
        assert_eq!(refused.last.to_string(), "was refused: it sends a wrong proxy password");
        asks(&door, Some(":sesame")).await;
        let known = guest(&door).unwrap();
        assert_eq!((known.refused, known.password.missed()), (1, None));
    }

    #[tokio::test]
    async fn who_shows_the_password_has_its_place_among_many_strangers() {
        let door = locked();
        for number in 0..1000 {
            door.arrivals.note(Ipv4Addr::from(number).into(), Admission::WithPassword, None, Event::Connected);
        }
        asks(&door, None).await;
        assert!(guest(&door).is_none());
        asks(&door, Some("guest:sesame")).await;
        assert_eq!(guest(&door).unwrap().calls, 1);
    }

    #[test]
    fn the_password_stands_behind_any_user() {
        let shown = |value: &str| {
            let headers = HeaderMap::from_iter([(header::PROXY_AUTHORIZATION, value.parse().unwrap())]);
            shows(&headers, Secret::of("open:sesame"))
        };
        assert!(shown(&basic("guest:open:sesame")) && shown(&basic(":open:sesame")));
        for wrong in ["guest:open", "open:sesame", "guest", "guest:", ""] {
            assert!(!shown(&basic(wrong)), "{wrong}");
        }
        assert!(!shown("Bearer open:sesame") && !shown("open:sesame"));
        assert!(!shows(&HeaderMap::new(), Secret::of("open:sesame")));
    }
}
