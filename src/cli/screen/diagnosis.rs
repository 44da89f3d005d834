//! What is wrong with a client, told from who came, how far each got, and who has stopped calling.

use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::engine::{Caller, Outage};
use crate::intercept::{Guest, TlsFault};
use crate::report::plain;

/// What is looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scene<'a> {
    /// When it is looked at.
    pub(super) now: Instant,
    /// When the deck began to listen.
    pub(super) began: Instant,
    /// Where clients find it.
    pub(super) proxy: &'a str,
    /// The certificate they must trust.
    pub(super) authority: &'a Path,
    /// Who came, by address.
    pub(super) guests: &'a [(IpAddr, Guest)],
    /// Who called.
    pub(super) callers: &'a [Caller],
    /// Why the service does not answer, if it does not.
    pub(super) outage: Option<&'a Outage>,
}

/// How long is waited before something counts as wrong.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// For anybody to come.
    pub(super) nobody: Duration,
    /// For a connection to ask for something.
    pub(super) silent: Duration,
    /// For a client that reaches other hosts to call an intercepted one.
    pub(super) elsewhere: Duration,
    /// For a client that called to call again.
    pub(super) quiet: Duration,
    /// What came of a client counts only for so long after its last doing.
    pub(super) recent: Duration,
    /// A client that has been quiet for so long has left.
    pub(super) left: Duration,
    /// The calls after which a client counts as one that calls.
    pub(super) calls: u64,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            nobody: Duration::from_secs(30),
            silent: Duration::from_secs(10),
            elsewhere: Duration::from_secs(15),
            quiet: Duration::from_secs(60),
            recent: Duration::from_secs(300),
            left: Duration::from_secs(600),
            calls: 3,
        }
    }
}

/// What is wrong with one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Diagnosis {
    /// What kind of thing it is.
    pub(super) kind: Kind,
    /// Whom it is about; empty when it is nobody.
    pub(super) who: String,
    /// What it is and what to do, in one line.
    pub(super) text: String,
}

/// What can be wrong, the gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// The service does not answer.
    Service,
    /// It does not accept our certificate.
    Tls,
    /// It is turned away.
    Refused,
    /// It asks for a host that cannot be reached.
    Stranded,
    /// It reaches other hosts only.
    Elsewhere,
    /// It connects and asks for nothing, or was asked for the password and does not come back.
    Silent,
    /// It called, and has stopped.
    Quiet,
    /// Nobody came.
    Nobody,
}

impl Kind {
    /// True where the connection itself is logged, with the reason.
    pub(super) fn is_logged(self) -> bool {
        matches!(self, Self::Service | Self::Tls | Self::Refused | Self::Stranded)
    }

    /// One word for programs.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Tls => "tls",
            Self::Refused => "refused",
            Self::Stranded => "stranded",
            Self::Elsewhere => "elsewhere",
            Self::Silent => "silent",
            Self::Quiet => "quiet",
            Self::Nobody => "nobody",
        }
    }
}

/// Everything that is wrong by now, the gravest first.
pub(super) fn diagnose(scene: &Scene<'_>, patience: &Patience) -> Vec<Diagnosis> {
    let guests = scene.guests.iter().filter_map(|(address, guest)| {
        let who = called(*address, guest);
        let (kind, text) = of_guest(scene, patience, &who, guest)?;
        Some(Diagnosis { kind, who, text })
    });
    let mut found: Vec<Diagnosis> = guests.collect();
    found.extend(scene.outage.map(unserved));
    found.extend(scene.callers.iter().filter_map(|caller| quiet(scene, patience, caller)));
    if scene.guests.is_empty() && elapsed(scene.began, scene.now) >= patience.nobody {
        let proxy = scene.proxy;
        let text = format!(
            "nothing has arrived at {proxy} yet: set the client's proxy to {proxy}, or open http://{proxy} on it for help"
        );
        found.push(Diagnosis { kind: Kind::Nobody, who: String::new(), text });
    }
    found.sort_by_key(|diagnosis| diagnosis.kind);
    found
}

/// Why calls are not answered by the service.
fn unserved(outage: &Outage) -> Diagnosis {
    let what = if outage.code == "upstream-unreachable" { "cannot be reached" } else { "does not answer" };
    Diagnosis { kind: Kind::Service, who: String::new(), text: format!("the service {what}: {}", plain(&outage.why)) }
}

fn of_guest(scene: &Scene<'_>, patience: &Patience, who: &str, guest: &Guest) -> Option<(Kind, String)> {
    if elapsed(guest.at, scene.now) >= patience.recent {
        return None;
    }
    // Whoever hangs up in the middle of a handshake may do so once; who calls besides has no trouble with us.
    let fault = guest.fault.as_ref().filter(|(fault, _)| guest.calls == 0 || *fault != TlsFault::Dropped);
    if let Some((fault, host)) = fault {
        let (told, advice) = (fault.told(), plain(&fault.advice_for(host.as_deref(), scene.authority, guest.page)));
        return Some((Kind::Tls, format!("{who} connects but {told}: {advice}")));
    }
    if guest.calls > 0 {
        return None;
    }
    let age = elapsed(guest.since, scene.now);
    match guest.password.missed().map(|miss| miss.to_string()).as_ref().or(guest.refusal.as_ref()) {
        Some(why) if guest.tunnels == 0 => {
            return Some((Kind::Refused, format!("{who} is turned away: {}", plain(why))));
        }
        _ => {}
    }
    match &guest.stranded {
        Some((host, why)) if guest.tunnels == 0 => {
            let text = format!("{who} asks for {}, which cannot be reached from here: {}", plain(host), plain(why));
            return Some((Kind::Stranded, text));
        }
        _ => {}
    }
    if guest.tunnels > 0 {
        let hosts = plain(&guest.elsewhere.join(", "));
        let text = format!(
            "{who} reaches only other hosts ({hosts}): is the game past sign-in, and does all of it go through the proxy?"
        );
        return (age >= patience.elsewhere).then_some((Kind::Elsewhere, text));
    }
    if let Some(asked) = guest.password.asked() {
        let text = format!("{who} was asked for the proxy password and does not come back: was it given one?");
        return (elapsed(asked, scene.now) >= patience.silent).then_some((Kind::Silent, text));
    }
    let text = format!("{who} connects but asks for nothing: is tapdeck its HTTP proxy, and not a SOCKS one?");
    (guest.visits == 0 && age >= patience.silent).then_some((Kind::Silent, text))
}

/// A client that called and has stopped: the others go on, or nothing holds it here any more. One with an open socket
/// may rest on it.
fn quiet(scene: &Scene<'_>, patience: &Patience, caller: &Caller) -> Option<Diagnosis> {
    let silence = elapsed(caller.last, scene.now);
    let is_quiet = (patience.quiet..patience.left).contains(&silence);
    if caller.calls < patience.calls || caller.sockets > 0 || !is_quiet {
        return None;
    }
    let is_lively = |other: &Caller| elapsed(other.last, scene.now) < patience.quiet;
    let why = match scene.callers.iter().any(is_lively) {
        true => "while others go on",
        false => "and it has no socket open",
    };
    let (lane, seconds) = (plain(&caller.lane), silence.as_secs());
    let text = format!("{lane} has gone quiet: its last call was {} ago, {why}", spoken(seconds));
    Some(Diagnosis { kind: Kind::Quiet, who: caller.lane.clone(), text })
}

/// A client by its player's name, where it has one, and its address.
fn called(address: IpAddr, guest: &Guest) -> String {
    match &guest.name {
        Some(name) => format!("{} ({address})", plain(name.as_str())),
        None => address.to_string(),
    }
}

/// A time in words, in the unit that tells most.
pub(super) fn spoken(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    }
}

fn elapsed(from: Instant, to: Instant) -> Duration {
    to.saturating_duration_since(from)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::intercept::{Event, Miss};

    /// A deck on which things happen at seconds after its beginning.
    struct Deck {
        began: Instant,
        guests: Vec<(IpAddr, Guest)>,
        callers: Vec<Caller>,
        outage: Option<Outage>,
    }

    impl Deck {
        fn new() -> Self {
            Self { began: Instant::now(), guests: Vec::new(), callers: Vec::new(), outage: None }
        }

        fn at(&self, second: u64) -> Instant {
            self.began + Duration::from_secs(second)
        }

        fn arrives(mut self, second: u64, events: &[Event]) -> Self {
            let mut guest = Guest::new(self.at(second));
            for event in events {
                guest.take(event.clone(), self.at(second));
            }
            let address = Ipv4Addr::new(10, 0, 0, 31 + u8::try_from(self.guests.len()).unwrap());
            self.guests.push((address.into(), guest));
            self
        }

        fn calls(mut self, lane: &str, calls: u64, last: u64) -> Self {
            self.callers.push(Caller { lane: lane.into(), calls, last: self.at(last), rates: [0, 0], sockets: 0 });
            self
        }

        fn found(&self, second: u64) -> Vec<Diagnosis> {
            let scene = Scene {
                now: self.at(second),
                began: self.began,
                proxy: "127.0.0.1:8888",
                authority: Path::new("/home/ca.pem"),
                guests: &self.guests,
                callers: &self.callers,
                outage: self.outage.as_ref(),
            };
            diagnose(&scene, &Patience::default())
        }

        fn told(&self, second: u64) -> String {
            self.found(second).first().map(|diagnosis| diagnosis.text.clone()).unwrap_or_default()
        }

        fn kinds(&self, second: u64) -> Vec<Kind> {
            self.found(second).iter().map(|diagnosis| diagnosis.kind).collect()
        }
    }

    fn called() -> Event {
        Event::Called { host: "sessiondirectory.xboxlive.com".into() }
    }

    fn failed(fault: TlsFault) -> Event {
        Event::Failed { fault, host: Some("sessiondirectory.xboxlive.com".into()), page: None }
    }

    fn elsewhere(host: &str) -> Event {
        Event::Tunnelled { host: host.into() }
    }

    #[test]
    fn nobody_came_after_half_a_minute() {
        assert_eq!(Deck::new().kinds(29), []);
        let told = Deck::new().told(30);
        assert!(told.starts_with("nothing has arrived at 127.0.0.1:8888 yet: set the client's proxy"), "{told}");
        assert_eq!(Deck::new().arrives(31, &[Event::Connected, called()]).kinds(32), []);
    }

    #[test]
    fn a_connection_that_asks_for_nothing() {
        let deck = Deck::new().arrives(5, &[Event::Connected]);
        assert_eq!((deck.kinds(14), deck.kinds(15)), (vec![], vec![Kind::Silent]));
        assert!(deck.told(15).starts_with("10.0.0.31 connects but asks for nothing: "), "{}", deck.told(15));
        assert_eq!(Deck::new().arrives(5, &[Event::Connected, called()]).kinds(100), []);
        assert_eq!(
            Deck::new().arrives(5, &[Event::Connected, Event::Visited]).kinds(100),
            [],
            "it reads how it is done"
        );
    }

    #[test]
    fn a_client_that_reaches_other_hosts_only() {
        let hosts = [elsewhere("login.live.com"), elsewhere("title.mgt.xboxlive.com"), elsewhere("login.live.com")];
        let deck = Deck::new().arrives(5, &hosts);
        assert_eq!((deck.kinds(19), deck.kinds(20)), (vec![], vec![Kind::Elsewhere]));
        let told = deck.told(20);
        assert!(
            told.starts_with(
                "10.0.0.31 reaches only other hosts (login.live.com, title.mgt.xboxlive.com): is the game"
            ),
            "{told}"
        );
        assert_eq!(Deck::new().arrives(5, &[elsewhere("login.live.com"), called()]).kinds(100), []);
    }

    #[test]
    fn a_certificate_that_is_not_accepted_until_a_call_comes() {
        let deck = Deck::new().arrives(5, &[Event::Connected, failed(TlsFault::Untrusted), Event::Connected]);
        let told = deck.told(5);
        assert!(
            told.starts_with("10.0.0.31 connects but rejects our certificate; most likely it does not know"),
            "{told}"
        );
        assert!(told.contains(": make it trust /home/ca.pem: "), "{told}");
        assert_eq!(Deck::new().arrives(5, &[failed(TlsFault::Untrusted), called()]).kinds(100), []);
        assert_eq!(Deck::new().arrives(5, &[called(), failed(TlsFault::Pinned)]).kinds(6), [Kind::Tls]);
    }

    #[test]
    fn a_client_of_another_machine_is_led_to_our_page() {
        let failed = Event::Failed { fault: TlsFault::Untrusted, host: None, page: "10.0.0.1:8888".parse().ok() };
        let told = Deck::new().arrives(5, &[failed]).told(5);
        assert!(
            told.ends_with(": make it trust the certificate of http://10.0.0.1:8888/: open that page on it"),
            "{told}"
        );
    }

    #[test]
    fn who_calls_may_hang_up_for_once() {
        assert_eq!(Deck::new().arrives(5, &[failed(TlsFault::Dropped)]).kinds(6), [Kind::Tls]);
        assert_eq!(Deck::new().arrives(5, &[called(), failed(TlsFault::Dropped)]).kinds(6), []);
    }

    #[test]
    fn every_fault_is_told_in_words_of_its_own() {
        use TlsFault::{Clock, Constraint, Dropped, Pinned, Protocol, Untrusted, WrongName};
        let faults = [Untrusted, Pinned, WrongName, Constraint, Clock, Protocol, Dropped];
        let told = faults.map(|fault| Deck::new().arrives(0, &[failed(fault)]).told(1));
        assert!(told.iter().all(|text| text.starts_with("10.0.0.31 connects but ")), "{told:?}");
        assert_eq!(std::collections::BTreeSet::from(told).len(), faults.len());
    }

    #[test]
    fn a_client_that_is_turned_away() {
        let refused = Event::Refused { why: "not among --allow".into() };
        let deck = Deck::new().arrives(5, &[Event::Connected, refused.clone()]);
        assert_eq!(deck.told(5), "10.0.0.31 is turned away: not among --allow");
        assert_eq!(Deck::new().arrives(5, &[called(), refused.clone()]).kinds(100), []);
        assert_eq!(Deck::new().arrives(5, &[elsewhere("login.live.com"), refused]).kinds(6), []);
    }

    #[test]
    fn a_client_that_misses_the_password() {
        let deck = Deck::new().arrives(5, &[Event::Connected, Event::Asked]);
        assert_eq!((deck.kinds(14), deck.kinds(15)), (vec![], vec![Kind::Silent]));
        assert!(deck.told(15).starts_with("10.0.0.31 was asked for the proxy password"), "{}", deck.told(15));
        let kept_out = Event::KeptOut { miss: Miss::Wrong };
        let told = Deck::new().arrives(5, &[Event::Asked, kept_out.clone()]).told(5);
        assert_eq!(told, "10.0.0.31 is turned away: it sends a wrong proxy password");
        assert_eq!(Deck::new().arrives(5, &[Event::Asked, kept_out, called()]).kinds(100), []);
    }

    #[test]
    fn a_client_that_asks_for_a_host_out_of_reach() {
        let stranded = || Event::Unreached { host: "login.live.com".into(), why: "dns error".into() };
        let deck = Deck::new().arrives(5, &[Event::Connected, stranded()]);
        assert_eq!(deck.told(5), "10.0.0.31 asks for login.live.com, which cannot be reached from here: dns error");
        assert_eq!(Deck::new().arrives(5, &[stranded(), called()]).kinds(100), []);
    }

    #[test]
    fn a_client_that_stops_while_others_go_on() {
        let deck = Deck::new().arrives(0, &[called()]).calls("guest", 12, 100).calls("host", 40, 170);
        assert_eq!((deck.kinds(159), deck.kinds(160)), (vec![], vec![Kind::Quiet]));
        assert_eq!(deck.told(190), "guest has gone quiet: its last call was 90 s ago, while others go on");
        let resumed = Deck::new().arrives(0, &[called()]).calls("guest", 13, 180).calls("host", 40, 170);
        assert_eq!(resumed.kinds(190), []);
    }

    #[test]
    fn a_lone_client_may_rest_on_its_socket() {
        let mut deck = Deck::new().arrives(0, &[called()]).calls("guest", 12, 100);
        assert_eq!(deck.told(400), "guest has gone quiet: its last call was 5 min ago, and it has no socket open");
        deck.callers[0].sockets = 1;
        assert_eq!(deck.kinds(400), []);
        let seldom = Deck::new().arrives(0, &[called()]).calls("lane-1", 2, 100).calls("host", 40, 399);
        assert_eq!(seldom.kinds(400), [], "one that called twice was never calling");
    }

    #[test]
    fn a_client_may_rest_on_its_socket_while_others_call() {
        let mut deck = Deck::new().arrives(0, &[called()]).calls("guest", 12, 100).calls("host", 40, 170);
        assert_eq!(deck.kinds(180), [Kind::Quiet]);
        deck.callers[0].sockets = 1;
        assert_eq!(deck.kinds(180), []);
        deck.callers[0].sockets = 0;
        deck.callers[1].sockets = 1;
        assert_eq!(deck.kinds(180), [Kind::Quiet], "that is another's socket");
    }

    #[test]
    fn trouble_is_over_when_its_client_has_left() {
        let refused = Event::Refused { why: "not among --allow".into() };
        let stranded = Event::Unreached { host: "login.live.com".into(), why: "dns error".into() };
        let events = [failed(TlsFault::Untrusted), refused, stranded, elsewhere("login.live.com"), Event::Connected];
        for event in events {
            let deck = Deck::new().arrives(5, &[Event::Connected, event.clone()]);
            assert_eq!((deck.kinds(304).len(), deck.kinds(305).len()), (1, 0), "{event}");
            let again = Deck::new().arrives(5, &[Event::Connected]);
            let mut guests = again.guests.clone();
            guests[0].1.take(event.clone(), again.at(250));
            assert_eq!(Deck { guests, ..again }.kinds(305).len(), 1, "{event}: it comes again");
        }
        let deck = Deck::new().arrives(0, &[called()]).calls("guest", 12, 100);
        assert_eq!((deck.kinds(699), deck.kinds(700)), (vec![Kind::Quiet], vec![]));
    }

    #[test]
    fn a_service_that_does_not_answer() {
        let outage = |code: &str| Some(Outage { code: code.into(), why: "dns error\u{7}".into(), calls: 2 });
        let mut deck = Deck::new().arrives(0, &[called()]);
        deck.outage = outage("upstream-unreachable");
        assert_eq!(deck.told(1), "the service cannot be reached: dns error\\u{7}");
        deck.outage = outage("upstream-timeout");
        assert!(deck.told(1).starts_with("the service does not answer: "), "{}", deck.told(1));
    }

    #[test]
    fn the_gravest_comes_first() {
        let deck = Deck::new()
            .arrives(0, &[Event::Connected])
            .arrives(0, &[elsewhere("login.live.com")])
            .arrives(0, &[failed(TlsFault::Untrusted)])
            .calls("guest", 12, 0);
        assert_eq!(deck.kinds(100), [Kind::Tls, Kind::Elsewhere, Kind::Silent, Kind::Quiet]);
    }

    #[test]
    fn what_a_client_named_steers_no_terminal() {
        let told = Deck::new().arrives(0, &[elsewhere("a\u{1b}[2J")]).told(60);
        assert!(told.contains("(a\\u{1b}[2J)"), "{told}");
    }
}
