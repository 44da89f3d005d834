//! WebSockets as the tests see them: a service that hands its end of each to the test, and what goes over the wire.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tapdeck::client::Io;
use tapdeck::message::{Headers, Request};
use tapdeck::socket::{Header, Message, handshake, mask};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{Receiver, channel};
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::{HANG, service_identity};

/// The service of every socket here.
pub(crate) const RTA: &str = "rta.xboxlive.com";

/// A service that accepts every upgrade and leaves the socket to the test.
pub(crate) struct SocketService {
    pub(crate) address: SocketAddr,
    pub(crate) root: PathBuf,
    accepted: Receiver<Far>,
    _home: TempDir,
    serving: JoinHandle<()>,
}

/// The service's end of one socket.
pub(crate) struct Far {
    /// The request's head, as it came.
    pub(crate) head: String,
    pub(crate) io: Box<dyn Io>,
    /// The connection itself, kept open beside the stream.
    line: socket2::Socket,
}

impl Far {
    /// The stream alone: dropping it ends the connection.
    pub(crate) fn into_io(self) -> Box<dyn Io> {
        self.io
    }

    /// Resets the connection.
    pub(crate) fn reset(self) {
        self.line.set_linger(Some(Duration::ZERO)).unwrap();
    }
}

impl SocketService {
    /// A service behind TLS that says nothing of its own in its 101.
    pub(crate) async fn start() -> Self {
        Self::saying(true, "").await
    }

    /// A service that adds some header lines to its 101.
    pub(crate) async fn saying(tls: bool, lines: &'static str) -> Self {
        let home = TempDir::new().unwrap();
        let (mut config, root) = service_identity();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let path = home.path().join("root.pem");
        std::fs::write(&path, root).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, accepted) = channel(64);
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let serving = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, sender) = (acceptor.clone(), sender.clone());
                tokio::spawn(async move {
                    let line = socket2::SockRef::from(&stream).try_clone().unwrap();
                    let io: Option<Box<dyn Io>> = match tls {
                        true => acceptor.accept(stream).await.ok().map(|stream| Box::new(stream) as Box<dyn Io>),
                        false => Some(Box::new(stream)),
                    };
                    let Some(mut io) = io else { return };
                    let head = head(&mut io).await;
                    io.write_all(switching(&head, lines).as_bytes()).await.unwrap();
                    io.flush().await.unwrap();
                    let _ = sender.send(Far { head, io, line }).await;
                });
            }
        });
        Self { address, root: path, accepted, _home: home, serving }
    }

    /// The next socket that is opened.
    pub(crate) async fn next(&mut self) -> Far {
        tokio::time::timeout(HANG, self.accepted.recv()).await.expect("no socket comes through").unwrap()
    }
}

impl Drop for SocketService {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn switching(head: &str, lines: &str) -> String {
    let headers: Headers = head.lines().skip(1).filter_map(|line| line.split_once(": ")).collect();
    let request = Request { headers, ..Request::default() };
    let accepted = handshake::accept(&request).unwrap();
    let accept = accepted.text("sec-websocket-accept").unwrap();
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{lines}\r\n"
    )
}

/// Reads a message's head, and not a byte more.
pub(crate) async fn head(io: &mut (impl Io + ?Sized)) -> String {
    let reading = async {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match io.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => break,
            }
        }
        String::from_utf8(head).unwrap()
    };
    tokio::time::timeout(HANG, reading).await.expect("no head comes")
}

/// The opening of a socket, to a target, with some more header lines.
pub(crate) fn opening(target: &str, lines: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nHost: {RTA}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{lines}\r\n"
    )
}

/// Opens a socket over a stream: its answer's head.
pub(crate) async fn open(io: &mut (impl Io + ?Sized), target: &str, lines: &str) -> String {
    io.write_all(opening(target, lines).as_bytes()).await.unwrap();
    io.flush().await.unwrap();
    let answer = head(io).await;
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    answer
}

/// A WebSocket library's view of an open stream.
pub(crate) async fn library<S: Io>(io: S, role: Role) -> WebSocketStream<S> {
    WebSocketStream::from_raw_socket(io, role, None).await
}

/// One frame: its first byte and its payload, masked with a key.
pub(crate) fn frame(first: u8, payload: &[u8], key: Option<[u8; 4]>) -> Vec<u8> {
    let length = payload.len() as u64;
    let head = Header { fin: first & 128 != 0, reserved: (first >> 4) & 7, opcode: first & 15, mask: key, length };
    let mut out = Vec::new();
    head.write(&mut out);
    let start = out.len();
    out.extend_from_slice(payload);
    if let Some(key) = key {
        mask(&mut out[start..], key, 0);
    }
    out
}

/// A client's frame of a whole message.
pub(crate) fn masked_frame(message: &Message) -> Vec<u8> {
    frame(0x80 | message.opcode.bits(), &message.payload, Some(KEY))
}

/// Sends bytes.
pub(crate) async fn send(io: &mut (impl Io + ?Sized), bytes: &[u8]) {
    io.write_all(bytes).await.unwrap();
    io.flush().await.unwrap();
}

/// Reads just so many bytes.
pub(crate) async fn receive(io: &mut (impl Io + ?Sized), count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    tokio::time::timeout(HANG, io.read_exact(&mut bytes)).await.expect("bytes do not come through").unwrap();
    bytes
}

/// Reads one frame of a service.
pub(crate) async fn receive_frame(io: &mut (impl Io + ?Sized)) -> Message {
    let mut bytes = Vec::new();
    let (head, _) = loop {
        bytes.extend(receive(io, 1).await);
        if let Some(parsed) = Header::parse(&bytes).unwrap() {
            break parsed;
        }
    };
    let mut payload = receive(io, usize::try_from(head.length).unwrap()).await;
    if let Some(key) = head.mask {
        mask(&mut payload, key, 0);
    }
    Message::new(tapdeck::socket::Opcode::of(head.opcode), payload)
}

/// How a stream ends: in order, or with this kind of error.
pub(crate) async fn end(io: &mut (impl Io + ?Sized)) -> Result<(), std::io::ErrorKind> {
    let mut rest = Vec::new();
    let read = tokio::time::timeout(HANG, io.read_to_end(&mut rest)).await.expect("the stream does not end");
    assert!(rest.is_empty(), "{rest:?}");
    read.map(drop).map_err(|error| error.kind())
}

/// A plain connection to an address.
pub(crate) async fn plain(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.unwrap()
}

/// What the tests' clients mask with.
pub(crate) const KEY: [u8; 4] = [0xa5, 0x01, 0xff, 0x3c];
