//! One player of a long day: session after session, with a new token, connection and socket every hour.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::{SinkExt, StreamExt};
use tapdeck::client::{Io, Way, reach};
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::service::SCID;
use crate::wire::Message;

/// How far everybody got.
pub(crate) struct Day {
    /// Exchanges that were answered.
    pub(crate) had: AtomicU64,
    /// Exchanges of one player between two tokens.
    pub(crate) hour: u64,
}

/// One player.
pub(crate) struct Player {
    number: u64,
    deck: SocketAddr,
    way: Way,
    token: String,
    line: Option<BufReader<Box<dyn Io>>>,
    socket: Option<JoinHandle<()>>,
}

impl Player {
    /// Two of them come through TLS, the others in plain text.
    pub(crate) fn new(number: u64, deck: SocketAddr, root: &str) -> Self {
        let way = if number < 2 { Way::Connect(root.to_owned()) } else { Way::Reverse };
        Self { number, deck, way, token: String::new(), line: None, socket: None }
    }

    /// Plays until the deck is gone; who it is, and how many answers it had.
    pub(crate) async fn play(mut self, day: Arc<Day>) -> (u64, u64) {
        let mut had = 0;
        loop {
            if had % day.hour == 0 && self.renew(had / day.hour).await.is_none() {
                break;
            }
            if self.exchange(had).await.is_none() {
                break;
            }
            had += 1;
            day.had.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(socket) = self.socket {
            socket.abort();
        }
        (self.number, had)
    }

    /// A new hour: everything is made anew.
    async fn renew(&mut self, hour: u64) -> Option<()> {
        self.token = format!("XBL3.0 x={};token-of-hour-{hour}-and-player-{}", self.number, self.number);
        if let Some(socket) = self.socket.take() {
            socket.abort();
        }
        self.line = Some(BufReader::new(reach(self.deck, MPSD, &self.way).await.ok()?));
        let mut stream = BufReader::new(reach(self.deck, RTA, &self.way).await.ok()?);
        let head = format!(
            "GET /connect HTTP/1.1\r\nhost: {RTA}\r\nauthorization: {}\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: rta.xboxlive.com.V2\r\n\r\n",
            self.token
        );
        stream.write_all(head.as_bytes()).await.ok()?;
        let opened = Message::read(&mut stream).await?;
        assert_eq!(opened.second_word(), "101", "{}", opened.head);
        let mut socket = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
        let subscribe = r#"[1,1,"https://sessiondirectory.xboxlive.com/connections/"]"#;
        socket.send(Frame::text(subscribe)).await.ok()?;
        self.socket = Some(tokio::spawn(async move { while let Some(Ok(_)) = socket.next().await {} }));
        Some(())
    }

    /// One call with a mark of its own; `None` when it got no answer.
    async fn exchange(&mut self, n: u64) -> Option<()> {
        let (round, place) = (n / CALLS_OF_A_SESSION, n % CALLS_OF_A_SESSION);
        let name = session(self.number, round);
        let session = format!("/serviceconfigs/{SCID}/sessionTemplates/lobby/sessions/{name}");
        let xuid = format!("28146463{:08}", self.number);
        let (method, target, body) = match place {
            0 => (
                "PUT",
                session,
                format!(
                    r#"{{"members":{{"me":{{"constants":{{"system":{{"xuid":"{xuid}","initialize":true}}}},"properties":{{"system":{{"active":true}}}}}}}}}}"#
                ),
            ),
            1 => (
                "POST",
                "/handles".to_owned(),
                format!(
                    r#"{{"version":1,"type":"activity","sessionRef":{{"scid":"{SCID}","templateName":"lobby","name":"{name}"}}}}"#
                ),
            ),
            LAST => ("DELETE", format!("{session}/members/me"), String::new()),
            place if place % 2 == 0 => {
                ("PUT", session, format!(r#"{{"properties":{{"custom":{{"map":"docks","round":{place}}}}}}}"#))
            }
            _ => ("GET", session, String::new()),
        };
        // What is wrong now and then is found, and counted with its like.
        let version = if n % 500 == 499 { "" } else { "x-xbl-contract-version: 107\r\n" };
        let request = format!(
            "{method} {target} HTTP/1.1\r\nhost: {MPSD}\r\nauthorization: {}\r\n{version}content-type: application/json\r\n{MARK}: p{}-{n}\r\ncontent-length: {}\r\n\r\n{body}",
            self.token,
            self.number,
            body.len()
        );
        let line = self.line.as_mut()?;
        line.write_all(request.as_bytes()).await.ok()?;
        let answer = Message::read(line).await?;
        assert!(answer.second_word().starts_with('2'), "{request}\n{}", answer.head);
        Some(())
    }
}

/// The name of a player's session.
pub(crate) fn session(player: u64, round: u64) -> String {
    format!("0b5d2c1a-7c6e-4c55-9d11-{player:04x}{round:08x}")
}

/// The header that tells an exchange from all others.
pub(crate) const MARK: &str = "x-mark";
const MPSD: &str = "sessiondirectory.xboxlive.com";
const RTA: &str = "rta.xboxlive.com";
const CALLS_OF_A_SESSION: u64 = 20;
const LAST: u64 = CALLS_OF_A_SESSION - 1;
