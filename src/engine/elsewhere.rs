//! What became of hosts that are not looked into, by name.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// What became of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// Its bytes were passed on unread.
    Tunnelled,
    /// Nothing was passed on.
    Refused,
}

/// A host that is not looked into.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Foreign {
    /// Its name.
    pub host: String,
    /// Connections and plain-text calls that were passed on unread.
    pub tunnels: usize,
    /// Those that were refused.
    pub refused: usize,
}

impl Foreign {
    /// True for all that were not told apart.
    fn is_rest(&self) -> bool {
        self.host == REST
    }
}

/// Hosts that are not looked into, and how often each was asked for. Clients make names up, so there is an end to them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Elsewhere {
    hosts: BTreeMap<String, (usize, usize)>,
}

impl Elsewhere {
    /// Counts one.
    pub fn count(&mut self, host: &str, passage: Passage) {
        match passage {
            Passage::Tunnelled => self.add(host, 1, 0),
            Passage::Refused => self.add(host, 0, 1),
        }
    }

    /// Adds what somebody else counted.
    pub fn join(&mut self, others: &Self) {
        others.hosts.iter().for_each(|(host, (tunnels, refused))| self.add(host, *tunnels, *refused));
    }

    /// Each, in the order of their names, and last the rest.
    pub fn hosts(&self) -> Vec<Foreign> {
        let foreign =
            |(host, &(tunnels, refused)): (&String, &(usize, usize))| Foreign { host: host.clone(), tunnels, refused };
        let mut hosts: Vec<Foreign> = self.hosts.iter().map(foreign).collect();
        hosts.sort_by_key(Foreign::is_rest);
        hosts
    }

    /// The most frequent, at most so many, and how many there are besides. The rest stands last.
    pub fn busiest(&self, most: usize) -> (Vec<Foreign>, usize) {
        let mut hosts = self.hosts();
        hosts.sort_by_key(|foreign| (foreign.is_rest(), Reverse(foreign.tunnels.saturating_add(foreign.refused))));
        let more = hosts.len().saturating_sub(most);
        hosts.truncate(most);
        (hosts, more)
    }

    fn add(&mut self, host: &str, tunnels: usize, refused: usize) {
        let is_name =
            |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_' | ':' | '[' | ']');
        let is_fit = !host.is_empty() && host.len() <= LONGEST_NAME && host.chars().all(is_name);
        let mut host = if is_fit { host.to_ascii_lowercase() } else { REST.to_owned() };
        if self.hosts.len() >= MOST_HOSTS && !self.hosts.contains_key(&host) {
            REST.clone_into(&mut host);
        }
        let (tunnelled, turned_away) = self.hosts.entry(host).or_default();
        *tunnelled += tunnels;
        *turned_away += refused;
    }
}

/// The hosts by what became of them, the most frequent of each; nothing when there is none.
impl fmt::Display for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts = self.hosts();
        let of = |count: fn(&Foreign) -> usize| {
            let counted = hosts.iter().map(|foreign| (foreign.is_rest(), Reverse(count(foreign)), &foreign.host));
            counted.filter(|(_, Reverse(count), _)| *count > 0).collect::<Vec<_>>()
        };
        let listed = [("passed on unread", of(|foreign| foreign.tunnels)), ("refused", of(|foreign| foreign.refused))];
        let mut parts = listed.into_iter().filter(|(_, hosts)| !hosts.is_empty());
        parts.try_for_each(|(what, mut hosts)| {
            hosts.sort();
            let rest = hosts.pop_if(|(is_rest, ..)| *is_rest);
            let mut shown: Vec<String> =
                hosts.iter().take(MOST_SHOWN).map(|(_, Reverse(count), host)| format!("{host} ({count})")).collect();
            match hosts.len().saturating_sub(MOST_SHOWN) {
                0 => {}
                more => shown.push(format!("{more} more")),
            }
            shown.extend(rest.map(|(_, Reverse(count), host)| format!("{host} ({count})")));
            write!(f, "; {what}: {}", shown.join(", "))
        })
    }
}

/// Hosts told apart; a console at rest talks to a few dozen.
const MOST_HOSTS: usize = 100;
/// All that come after, and whatever is no name.
const REST: &str = "others";
/// The longest name there is (RFC 1035 2.3.4).
const LONGEST_NAME: usize = 253;
/// Hosts named in a line.
const MOST_SHOWN: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_counted_by_name_and_told_by_number() {
        let mut elsewhere = Elsewhere::default();
        assert_eq!(elsewhere.to_string(), "");
        for host in ["b.test", "A.test", "a.test"] {
            elsewhere.count(host, Passage::Tunnelled);
        }
        elsewhere.count("a.test", Passage::Refused);
        let foreign = |host: &str, tunnels, refused| Foreign { host: host.to_owned(), tunnels, refused };
        assert_eq!(elsewhere.hosts(), [foreign("a.test", 2, 1), foreign("b.test", 1, 0)]);
        assert_eq!(elsewhere.to_string(), "; passed on unread: a.test (2), b.test (1); refused: a.test (1)");
        for number in 0..4 {
            elsewhere.count(&format!("c{number}.test"), Passage::Refused);
        }
        let end = "; refused: a.test (1), c0.test (1), c1.test (1), c2.test (1), 1 more";
        assert!(elsewhere.to_string().ends_with(end), "{elsewhere}");
    }

    #[test]
    fn made_up_names_have_an_end() {
        let mut elsewhere = Elsewhere::default();
        (0..1000).for_each(|number| elsewhere.count(&format!("h{number}.test"), Passage::Tunnelled));
        let wrong = ["", "a\"b", "ä.test", &"x".repeat(300)];
        wrong.into_iter().for_each(|host| elsewhere.count(host, Passage::Tunnelled));
        let hosts = elsewhere.hosts();
        assert_eq!(hosts.len(), MOST_HOSTS + 1);
        assert_eq!(hosts.iter().map(|foreign| foreign.tunnels).sum::<usize>(), 1004);
        assert_eq!((hosts[MOST_HOSTS].host.as_str(), hosts[MOST_HOSTS].tunnels), (REST, 904));
        assert!(elsewhere.to_string().ends_with("h11.test (1), 96 more, others (904)"), "{elsewhere}");
        let (busiest, more) = elsewhere.busiest(3);
        assert_eq!(busiest.iter().map(|foreign| foreign.tunnels).collect::<Vec<_>>(), [1, 1, 1]);
        assert_eq!(more, MOST_HOSTS - 2);
        let mut twice = elsewhere.clone();
        twice.join(&elsewhere);
        assert_eq!(twice.hosts().len(), hosts.len());
    }
}
