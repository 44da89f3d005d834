//! A thousand real-time sockets over TLS, each with a session of its own, on the emulating deck.
//!
//! Prints what an idle socket costs the deck, how long a tap takes, and whether every tap and every close frame came.
//! It ends with 1 when something was lost or a socket costs more than it may. `cargo bench --bench sockets [-- COUNT]`
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench that fails is a panic, and it prints its figures"
)]

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tapdeck::client::{Client, Way};
use tapdeck::exchange::Protocol;
use tapdeck::upstream::tls::provider;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{WebSocketStream, client_async};

/// What one idle socket may cost the deck.
const MOST_BYTES: u64 = 40 * 1024;
/// Sockets opened before anything is measured: code and tables come into memory with the first.
const WARM_UP: usize = 50;
const WAIT: Duration = Duration::from_secs(30);

type Socket = WebSocketStream<TlsStream<TcpStream>>;

fn main() -> ExitCode {
    let count = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(1000);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    if runtime.block_on(run(count)) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn run(count: usize) -> bool {
    let home = tempfile::TempDir::new().unwrap();
    let mut deck = Deck::start(home.path());
    let root = std::fs::read_to_string(home.path().join("ca/cert.pem")).unwrap();
    let connector = connector(&root);
    let mut warm = Vec::new();
    for player in 0..WARM_UP {
        warm.push(open(deck.address, &connector, count + player).await);
    }
    let before = deck.resident();
    let began = Instant::now();
    let mut sockets = Vec::new();
    for player in 0..count {
        sockets.push(open(deck.address, &connector, player).await);
    }
    println!("{count} sockets opened and subscribed in {:.1} s", began.elapsed().as_secs_f64());
    tokio::time::sleep(Duration::from_secs(2)).await;
    let each = deck.resident().saturating_sub(before) / count as u64;
    println!("an idle socket costs {:.1} KB of at most {} KB", each as f64 / 1024.0, MOST_BYTES / 1024);

    let heard = write_and_hear(deck.address, &root, &mut sockets).await;
    println!("{heard} taps of {} delivered", 2 * count);

    deck.terminate();
    let began = Instant::now();
    let mut closed = 0;
    for (socket, _) in sockets.into_iter().chain(warm) {
        closed += usize::from(ends_with_close(socket).await);
    }
    let code = deck.child.wait().unwrap().code();
    let took = began.elapsed().as_secs_f64();
    println!("{closed} close frames of {}, exit code {code:?} after {took:.1} s", count + WARM_UP);
    each <= MOST_BYTES && heard == 2 * count && closed == count + WARM_UP && code == Some(0)
}

/// Each player makes a session and changes it once; both writes give the player a tap.
async fn write_and_hear(address: SocketAddr, root: &str, sockets: &mut [(Socket, String)]) -> usize {
    let host = "sessiondirectory.xboxlive.com";
    let mut client = Client::connect(address, host, Way::Connect(root.to_owned()), Protocol::H2).await.unwrap();
    let mut delays = Vec::new();
    for (player, (socket, connection)) in sockets.iter_mut().enumerate() {
        let target = format!("/serviceconfigs/{SCID}/sessionTemplates/lobby/sessions/bench-{player}");
        let join = format!(
            r#"{{"members":{{"me":{{"properties":{{"system":{{"active":true,"connection":"{connection}","subscription":{{"id":"5b5f0a52-0000-4000-8000-{player:012}","changeTypes":["everything"]}}}}}}}}}}}}"#
        );
        for body in [join.as_str(), r#"{"properties":{"custom":{"map":"docks"}}}"#] {
            let token = token(player);
            let headers = [
                ("authorization", token.as_str()),
                ("x-xbl-contract-version", "107"),
                ("content-type", "application/json"),
            ];
            let began = Instant::now();
            let answer = client.send("PUT", &target, &headers, body.as_bytes()).await.unwrap();
            assert!(matches!(answer.status, 200 | 201), "{}", answer.status);
            if hears_tap(socket).await {
                delays.push(began.elapsed());
            }
        }
    }
    delays.sort();
    if let Some(last) = delays.last() {
        println!("write to tap: median {:?}, slowest {last:?}", delays[delays.len() / 2]);
    }
    delays.len()
}

async fn hears_tap(socket: &mut Socket) -> bool {
    let next = tokio::time::timeout(WAIT, socket.next()).await;
    matches!(next, Ok(Some(Ok(Message::Text(text)))) if text.contains("shoulderTaps"))
}

async fn ends_with_close(mut socket: Socket) -> bool {
    let mut closed = false;
    while let Ok(Some(Ok(message))) = tokio::time::timeout(WAIT, socket.next()).await {
        closed |= message.is_close();
    }
    closed
}

/// A socket of one player, and the id it may be bound by.
async fn open(address: SocketAddr, connector: &TlsConnector, player: usize) -> (Socket, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"CONNECT rta.xboxlive.com:443 HTTP/1.1\r\nHost: rta.xboxlive.com:443\r\n\r\n").await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let name = ServerName::try_from("rta.xboxlive.com").unwrap();
    let stream = connector.connect(name, stream).await.unwrap();
    let mut request = "wss://rta.xboxlive.com/connect".into_client_request().unwrap();
    request.headers_mut().insert("authorization", token(player).parse().unwrap());
    request.headers_mut().insert("sec-websocket-protocol", "rta.xboxlive.com.V2".parse().unwrap());
    let (mut socket, _) = client_async(request, stream).await.unwrap();
    let subscribe = r#"[1,1,"https://sessiondirectory.xboxlive.com/connections/"]"#;
    socket.send(Message::text(subscribe)).await.unwrap();
    let reply = socket.next().await.unwrap().unwrap().into_text().unwrap();
    let reply: serde_json::Value = serde_json::from_str(&reply).unwrap();
    (socket, reply[4]["ConnectionId"].as_str().unwrap().to_owned())
}

fn token(player: usize) -> String {
    format!("XBL3.0 x={};bench", 1_000_000 + player)
}

fn connector(root: &str) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(root.as_bytes()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
    TlsConnector::from(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

/// The emulating deck as a process of its own.
struct Deck {
    child: Child,
    address: SocketAddr,
}

impl Deck {
    fn start(home: &std::path::Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tapdeck"))
            .args(["--log-level", "error", "emulate", "--listen", "127.0.0.1:0", "--admin", "off"])
            .env("TAPDECK_HOME", home)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = lines.find_map(|line| {
            let line = line.unwrap();
            let rest = line.split_once("listening on http://")?.1.to_owned();
            rest.split(' ').next()?.parse().ok()
        });
        // Whatever else it says must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address: address.unwrap() }
    }

    /// Bytes of memory it has.
    fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }

    fn terminate(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }
}

impl Drop for Deck {
    fn drop(&mut self) {
        // It is over already, unless something failed before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const SCID: &str = "00000000-0000-0000-0000-0000000c0de1";
