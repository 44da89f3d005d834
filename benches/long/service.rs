//! The service behind the deck: session documents that count their changes, and sockets that hear of some.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::wire::Message;

/// What the service knows.
#[derive(Default)]
pub(crate) struct Service {
    /// The sessions there are, and how often each was changed.
    changes: Mutex<HashMap<String, u64>>,
    /// The socket of each user that has one.
    taps: Mutex<HashMap<String, mpsc::UnboundedSender<String>>>,
    strangers: AtomicU64,
}

impl Service {
    /// A service on a free port.
    pub(crate) async fn start() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = Arc::new(Self::default());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                tokio::spawn(Arc::clone(&service).serve(stream));
            }
        });
        address
    }

    async fn serve(self: Arc<Self>, stream: TcpStream) {
        let mut stream = BufReader::new(stream);
        while let Some(asked) = Message::read(&mut stream).await {
            if let Some(key) = asked.header("sec-websocket-key") {
                let accept = derive_accept_key(key.as_bytes());
                let head = format!(
                    "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: {accept}\r\n\r\n"
                );
                let user = user(&asked).to_owned();
                if stream.write_all(head.as_bytes()).await.is_ok() {
                    self.talk(WebSocketStream::from_raw_socket(stream, Role::Server, None).await, user).await;
                }
                return;
            }
            if stream.write_all(self.answer(&asked).as_bytes()).await.is_err() {
                return;
            }
        }
    }

    /// Replies to subscriptions, and tells what else there is to tell, until the socket is closed.
    async fn talk(&self, mut socket: WebSocketStream<BufReader<TcpStream>>, user: String) {
        let (sender, mut taps) = mpsc::unbounded_channel();
        self.taps.lock().unwrap().insert(user, sender);
        loop {
            let said = tokio::select! {
                Some(tap) = taps.recv() => Frame::text(tap),
                heard = socket.next() => match heard {
                    Some(Ok(Frame::Text(_))) => {
                        let id = self.strangers.load(Ordering::Relaxed);
                        Frame::text(format!(r#"[1,1,0,0,{{"ConnectionId":"6b9bd506-f13f-400a-a608-{id:012x}"}}]"#))
                    }
                    Some(Ok(Frame::Close(_))) | None | Some(Err(_)) => break,
                    Some(Ok(_)) => continue,
                },
            };
            if socket.send(said).await.is_err() {
                return;
            }
        }
        // The reply to a close message is under way.
        let _ = socket.flush().await;
    }

    fn answer(&self, asked: &Message) -> String {
        let (target, user) = (asked.second_word(), user(asked));
        if target == "/handles" {
            let body = format!(r#"{{"id":"5b5f0a52-0000-4000-8000-{:012x}"}}"#, self.stranger());
            return answer("201 Created", "", &body);
        }
        if target.ends_with("/members/me") {
            self.changes.lock().unwrap().remove(target.trim_end_matches("/members/me"));
            return answer("204 No Content", "", "");
        }
        let is_write = asked.head.starts_with("PUT");
        let change = {
            let mut changes = self.changes.lock().unwrap();
            let change = changes.entry(target.to_owned()).or_default();
            *change += u64::from(is_write);
            *change
        };
        let name = target.rsplit('/').next().unwrap_or_default();
        if is_write && change.is_multiple_of(10) {
            self.tap(user, name, change);
        }
        // Every so often somebody comes by who was never seen before.
        let member = if change.is_multiple_of(25) && !is_write { self.stranger() } else { 0 };
        let body = document(name, user, member, change);
        answer("200 OK", &format!("etag: \"{name}-{change}\"\r\n"), &body)
    }

    fn tap(&self, user: &str, name: &str, change: u64) {
        let tap = format!(
            r#"[3,0,{{"ncid":"c0000000-0000-4000-8000-000000000001","shoulderTaps":[{{"timestamp":"2026-01-02T03:04:05.1234567Z","subscription":"5b5f0a52-0000-4000-8000-000000000020","resourceType":"mpsd/session","resource":"{SCID}~lobby~{name}","branch":"{}","changeNumber":{change}}}]}}]"#,
            branch(name)
        );
        if let Some(socket) = self.taps.lock().unwrap().get(user) {
            let _ = socket.send(tap);
        }
    }

    fn stranger(&self) -> u64 {
        self.strangers.fetch_add(1, Ordering::Relaxed) + 1
    }
}

fn user(asked: &Message) -> &str {
    let hash = asked.header("authorization").and_then(|value| value.strip_prefix("XBL3.0 x=")?.split_once(';'));
    hash.map_or("", |(hash, _)| hash)
}

/// A life of a session, told by its name, whose last twelve characters are hex digits.
fn branch(name: &str) -> String {
    format!("b0000000-0000-4000-8000-{}", &name[name.len() - 12..])
}

fn document(name: &str, user: &str, stranger: u64, change: u64) -> String {
    let branch = branch(name);
    let guest = match stranger {
        0 => String::new(),
        stranger => format!(
            r#","1":{{"next":2,"joinTime":"2026-01-02T03:04:05.0000000Z","constants":{{"system":{{"xuid":"25{stranger:014}","index":1}},"custom":{{}}}},"properties":{{"system":{{"active":true}},"custom":{{}}}},"gamertag":"Stranger{stranger}","activeTitleId":"1234567890"}}"#
        ),
    };
    format!(
        r#"{{"membersInfo":{{"first":0,"next":2,"count":1,"accepted":1,"active":1}},"constants":{{"system":{{"version":1,"maxMembersCount":8,"visibility":"open"}},"custom":{{}}}},"properties":{{"system":{{"turn":[]}},"custom":{{"map":"docks","round":{change},"rules":["no rushing","best of five"]}}}},"servers":{{}},"members":{{"0":{{"next":2,"joinTime":"2026-01-02T03:04:05.0000000Z","constants":{{"system":{{"xuid":"28146463{user:0>8}","index":0}},"custom":{{}}}},"properties":{{"system":{{"active":true}},"custom":{{"ready":true}}}},"gamertag":"Regular{user}","activeTitleId":"1234567890"}}{guest}}},"correlationId":"{branch}","contractVersion":107,"branch":"{branch}","changeNumber":{change},"startTime":"2026-01-02T03:04:05.0000000Z"}}"#
    )
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

pub(crate) const SCID: &str = "00000000-0000-0000-0000-0000000c0de1";
