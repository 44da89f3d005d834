//! In turn: nobody calls before everybody has heard what the last call caused. What all do at once is said on sockets.

use std::collections::BTreeSet;

use serde_json::Value;
use tokio::task::JoinSet;

use super::SEATS;
use super::seat::{Ear, Seat, custom, joining, leaving, version};
use crate::support::Proxy;

/// Everybody at the table, and who is in the session all play in.
struct Table {
    seats: Vec<Seat>,
    ears: Vec<Ear>,
    is_in: BTreeSet<usize>,
    /// The change of that session everybody in it has heard of.
    change: u64,
}

/// Plays the script; gives the proxy back.
pub(super) async fn play(proxy: Proxy) -> Proxy {
    let mut table = Table { seats: Vec::new(), ears: Vec::new(), is_in: BTreeSet::new(), change: 0 };
    for number in 0..SEATS {
        table.seats.push(Seat::take(&proxy, number).await);
        table.ears.push(Ear::open(&proxy, number).await);
    }
    let connections = table.all_at_once(subscribe).await;
    for (number, connection) in connections.iter().enumerate() {
        table.write(number, TABLE, None, &joining(number, connection), true).await;
        table.write(number, &own(number), None, &joining(number, connection), false).await;
        assert_eq!(table.ears[number].hear().await.session, own(number).to_lowercase());
    }
    for round in 0..3 {
        table.round(round, &connections).await;
        // Nothing that anybody was not told of is on its way.
        table.all_at_once(ask_nothing).await;
    }
    // Whose socket closes must be of no interest to others.
    for number in 1..SEATS {
        table.write(number, TABLE, None, &leaving(), true).await;
    }
    let mut closing = JoinSet::new();
    for ear in table.ears {
        assert_eq!(ear.unheard(), 0);
        closing.spawn(ear.close());
    }
    closing.join_all().await;
    proxy
}

impl Table {
    async fn round(&mut self, round: u64, connections: &[String]) {
        let stale = version(&self.seats[0].get(TABLE).await);
        for number in 0..SEATS {
            let current = version(&self.seats[number].get(TABLE).await);
            let condition = Some(("if-match", current.etag.as_str()));
            self.write(number, TABLE, condition, &custom("turn", round * 10 + number as u64), true).await;
            let refused = Some(("if-match", stale.etag.as_str()));
            let refused = self.seats[number].put(TABLE, refused, &custom("turn", 99)).await;
            assert_eq!(refused.status, 412);
            self.write(number, &own(number), None, &custom("round", round), false).await;
            assert_eq!(self.ears[number].hear().await.session, own(number).to_lowercase());
        }
        let leaver = usize::try_from(round).unwrap() + 1;
        self.write(leaver, TABLE, None, &leaving(), true).await;
        self.write(0, TABLE, None, &custom("without", leaver as u64), true).await;
        self.write(leaver, TABLE, None, &joining(leaver, &connections[leaver]), true).await;
    }

    /// Writes, and waits until everybody in the session that all play in has heard of it.
    async fn write(
        &mut self,
        number: usize,
        session: &str,
        condition: Option<(&str, &str)>,
        body: &Value,
        is_shared: bool,
    ) {
        let answer = self.seats[number].put(session, condition, body).await;
        assert!(matches!(answer.status, 200 | 201), "{number}: {answer:?}");
        if is_shared {
            if *body == leaving() {
                self.is_in.remove(&number);
            } else {
                self.is_in.insert(number);
            }
            self.change += 1;
            assert_eq!(version(&answer).change, self.change, "{body}");
            for listener in &self.is_in {
                let tap = self.ears[*listener].hear().await;
                assert_eq!((tap.session.as_str(), tap.change), ("table", self.change), "{listener}");
            }
        }
    }

    /// Everybody does the same on its socket, in no order; what came of it, by seat.
    async fn all_at_once<T, F>(&mut self, act: impl Fn(Ear) -> F) -> Vec<T>
    where
        T: Send + 'static,
        F: Future<Output = (Ear, T)> + Send + 'static,
    {
        let mut acting = JoinSet::new();
        std::mem::take(&mut self.ears).into_iter().map(act).for_each(|act| drop(acting.spawn(act)));
        let mut acted = acting.join_all().await;
        acted.sort_by_key(|(ear, _)| ear.number);
        let (ears, results) = acted.into_iter().unzip();
        self.ears = ears;
        results
    }
}

async fn subscribe(mut ear: Ear) -> (Ear, String) {
    let connection = ear.subscribe().await;
    (ear, connection)
}

async fn ask_nothing(mut ear: Ear) -> (Ear, ()) {
    ear.ask_nothing().await;
    (ear, ())
}

/// The session all play in.
const TABLE: &str = "Table";

fn own(number: usize) -> String {
    format!("Own{number}")
}
