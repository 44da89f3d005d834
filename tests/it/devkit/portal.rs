//! A Device Portal as the documents have it: TLS by a certificate of its own, a user, a token, a setting that counts from
//! the next restart on. It keeps every byte it was sent.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tapdeck::devkit::Fingerprint;
use tapdeck::upstream::tls::provider;

/// `dev` and `hunter2`.
pub(super) const BASIC: &str = "Basic ZGV2Omh1bnRlcjI=";

/// What a portal does with a request instead of what it should.
pub(super) enum Fault {
    /// It is well this time.
    NotYet,
    /// Answers with a status and a body.
    Refuses(u16, &'static str),
    /// Answers with these bytes.
    Babbles(&'static [u8]),
    /// Hangs up, having done nothing.
    Drops,
    /// Does it, hangs up, and restarts.
    Dies,
    /// Never answers.
    Sleeps,
}

/// A stub portal on a port of its own.
pub(super) struct Portal {
    pub(super) address: SocketAddr,
    state: Arc<Mutex<State>>,
    is_over: Arc<AtomicBool>,
    serving: Option<JoinHandle<()>>,
}

struct State {
    config: Arc<ServerConfig>,
    fingerprint: Fingerprint,
    requests: Vec<Vec<u8>>,
    faults: Vec<(&'static str, VecDeque<Fault>)>,
    /// Whether a proxy is in use, and will be from the next restart on.
    proxy: (bool, bool),
    starts: usize,
    /// How many connections a restart costs.
    downtime: usize,
    down: usize,
    asleep: Vec<TcpStream>,
}

impl Portal {
    pub(super) fn start() -> Self {
        Self::at("127.0.0.1:0")
    }

    pub(super) fn at(address: &str) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let (config, fingerprint) = identity();
        let state = State {
            config,
            fingerprint,
            requests: Vec::new(),
            faults: Vec::new(),
            proxy: (false, false),
            starts: 1,
            downtime: 2,
            down: 0,
            asleep: Vec::new(),
        };
        let (state, is_over) = (Arc::new(Mutex::new(state)), Arc::<AtomicBool>::default());
        let (shared, over) = (Arc::clone(&state), Arc::clone(&is_over));
        let serving = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::SeqCst) {
                    break;
                }
                // A client that goes away is its own affair.
                let _ = serve(stream.unwrap(), &shared);
            }
        });
        Self { address, state, is_over, serving: Some(serving) }
    }

    /// Does something else with the next requests that begin so, one fault each.
    pub(super) fn with(&self, start: &'static str, faults: impl IntoIterator<Item = Fault>) {
        self.state.lock().unwrap().faults.push((start, faults.into_iter().collect()));
    }

    /// A proxy that somebody has set before.
    pub(super) fn has_proxy(&self, has: bool) {
        self.state.lock().unwrap().proxy = (has, has);
    }

    /// How many connections it drops while it restarts.
    pub(super) fn downtime(&self, connections: usize) {
        self.state.lock().unwrap().downtime = connections;
    }

    /// The certificate is made anew.
    pub(super) fn is_set_up_anew(&self) {
        let (config, fingerprint) = identity();
        let mut state = self.state.lock().unwrap();
        (state.config, state.fingerprint) = (config, fingerprint);
    }

    pub(super) fn fingerprint(&self) -> String {
        self.state.lock().unwrap().fingerprint.to_string()
    }

    /// Whether a proxy is in use, and will be.
    pub(super) fn proxy(&self) -> (bool, bool) {
        self.state.lock().unwrap().proxy
    }

    /// The requests so far, each with head and body.
    pub(super) fn requests(&self) -> Vec<Vec<u8>> {
        self.state.lock().unwrap().requests.clone()
    }

    /// Method and target of the requests so far.
    pub(super) fn asked(&self) -> Vec<String> {
        let line = |request: &Vec<u8>| {
            let line = request.split(|byte| *byte == b'\r').next().unwrap();
            String::from_utf8(line.to_vec()).unwrap().trim_end_matches(" HTTP/1.1").to_owned()
        };
        self.requests().iter().map(line).collect()
    }
}

impl Drop for Portal {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        let _ = self.serving.take().unwrap().join();
    }
}

fn identity() -> (Arc<ServerConfig>, Fingerprint) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["XBOX".to_owned()]).unwrap().self_signed(&key).unwrap();
    let fingerprint = Fingerprint::of(certificate.der());
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    (Arc::new(config), fingerprint)
}

fn serve(stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let config = {
        let mut state = state.lock().unwrap();
        if state.down > 0 {
            state.down -= 1;
            return Ok(());
        }
        Arc::clone(&state.config)
    };
    let spare = stream.try_clone()?;
    let connection = ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut stream = StreamOwned::new(connection, stream);
    let request = read(&mut stream)?;
    let mut state = state.lock().unwrap();
    state.requests.push(request.clone());
    let fault = state.faults.iter_mut().find_map(|(start, faults)| {
        let is_meant = request.starts_with(start.as_bytes());
        if is_meant { faults.pop_front() } else { None }
    });
    let answer = match fault {
        None | Some(Fault::NotYet) => state.answer(&request),
        Some(Fault::Refuses(status, body)) => answered(status, "", body),
        Some(Fault::Babbles(bytes)) => bytes.to_vec(),
        Some(Fault::Drops) => return Ok(()),
        Some(Fault::Dies) => {
            state.answer(&request);
            state.restart();
            return Ok(());
        }
        Some(Fault::Sleeps) => {
            state.asleep.push(spare);
            return Ok(());
        }
    };
    drop(state);
    stream.write_all(&answer)?;
    stream.conn.send_close_notify();
    stream.flush()
}

fn read(stream: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let (mut request, mut byte) = (Vec::new(), [0]);
    while !request.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        request.push(byte[0]);
    }
    let length = header(&request, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    request.extend_from_slice(&body);
    Ok(request)
}

fn header(request: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(request).into_owned();
    let head = text.split("\r\n\r\n").next().unwrap();
    let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}: ")))?;
    Some(line[name.len() + 2..].to_owned())
}

fn answered(status: u16, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} Whatever\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

impl State {
    /// What the documents say of a request.
    fn answer(&mut self, request: &[u8]) -> Vec<u8> {
        if header(request, "authorization").as_deref() != Some(BASIC) {
            return answered(401, "WWW-Authenticate: Basic\r\n", "");
        }
        let token = format!("token-{}", self.starts);
        let cookie = format!("Set-Cookie: CSRF-Token={token}; path=/; secure\r\n");
        let is_reading = request.starts_with(b"GET ");
        let carries = header(request, "cookie") == Some(format!("CSRF-Token={token}"))
            && header(request, "x-csrf-token") == Some(token);
        if !is_reading && !carries {
            return answered(403, &cookie, r#"{"Reason": "CSRF Token Invalid"}"#);
        }
        let (status, body) = match request.split(|byte| matches!(byte, b'?' | b'\r')).next().unwrap() {
            b"GET /api/os/info HTTP/1.1" => (200, INFO.to_owned()),
            b"GET /ext/fiddler HTTP/1.1" => (200, format!(r#"{{"IsProxyEnabled": {}}}"#, self.proxy.0)),
            b"POST /ext/fiddler" => {
                self.proxy.1 = true;
                (204, String::new())
            }
            b"DELETE /ext/fiddler HTTP/1.1" => {
                self.proxy.1 = false;
                (204, String::new())
            }
            b"POST /api/control/restart HTTP/1.1" => {
                self.restart();
                (200, String::new())
            }
            _ => (404, String::new()),
        };
        answered(status, &cookie, &body)
    }

    fn restart(&mut self) {
        self.proxy.0 = self.proxy.1;
        self.starts += 1;
        self.down = self.downtime;
    }
}

const INFO: &str = r#"{"ComputerName": "KIT-7", "OsEdition": "Windows.Xbox", "OsEditionId": 1, "OsVersion": "10.0.26100.1",
    "Platform": "Xbox One"}"#;
