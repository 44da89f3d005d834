//! The control port: what a test harness asks of a running deck, on a listener of its own.
//!
//! Whoever asks names this machine as `Host`, so that no web page can, and knows the token where there is one.

mod emulation;
mod guard;
mod metrics;
mod replaying;
mod session;
mod sessions;
mod tapes;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::cassette::FORMAT;
use crate::engine::Engine;
use crate::intercept::{Door, Secret};
use crate::message::PROBLEM;

pub use session::{Means, Session};
pub use sessions::{Sessions, Setup};
pub use tapes::{Facts, Loaded, Prepare};

/// What a control port controls.
pub struct Panel {
    /// Where the deck's clients come in.
    pub door: Arc<Door>,
    /// What a deck that replays has.
    pub sessions: Option<Sessions>,
    /// What whoever asks must know.
    pub token: Option<Secret>,
}

/// Why something cannot be done: the answer says it as a problem (RFC 9457).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Fault {
    /// The status of the answer.
    pub status: u16,
    /// A stable name.
    pub code: &'static str,
    /// What, where, and what to do.
    pub detail: String,
}

/// Serves the control port until it is told to stop.
pub async fn serve(listener: TcpListener, panel: Arc<Panel>, stop: CancellationToken) {
    let guard = middleware::from_fn_with_state(panel.token, guard::admit);
    let routes = routes().layer(guard).with_state(panel).into_make_service_with_connect_info::<guard::Here>();
    let serving = axum::serve(listener, routes).with_graceful_shutdown(stop.cancelled_owned());
    if let Err(error) = serving.await {
        tracing::warn!(%error, "the control port ended");
    }
}

fn routes() -> Router<Arc<Panel>> {
    Router::new()
        .route("/", get(help))
        .route("/v1/health", get(|| async { told(&json!({"status": "ok"})) }))
        .route("/v1/ready", get(ready))
        .route("/v1/version", get(version))
        .route("/v1/openapi.json", get(|| async { ([(header::CONTENT_TYPE, "application/json")], OPENAPI) }))
        .route("/metrics", get(metrics))
        .route("/v1/marks", post(mark))
        .merge(replaying::routes())
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .merge(emulation::routes())
        .method_not_allowed_fallback(|| async { Fault::new(405, "method-not-allowed", SEE_HELP.to_owned()) })
        .fallback(|| async { Fault::new(404, "not-found", SEE_HELP.to_owned()) })
}

type Answer = Result<Response, Fault>;

/// A body, unless it is too long.
type Read = Result<Bytes, BytesRejection>;

async fn help() -> String {
    let width = ROUTES.iter().map(|(_, path, _)| path.len()).max().unwrap_or_default();
    let line = |(method, path, what): &(&str, &str, &str)| format!("{method:<6} {path:<width$}  {what}\n");
    format!("tapdeck's control port\n\n{}", ROUTES.iter().map(line).collect::<String>())
}

async fn ready(State(panel): State<Arc<Panel>>) -> Answer {
    let has_failed = panel.door.engine().is_some_and(|engine| engine.failed().is_cancelled());
    if has_failed {
        return Err(Fault::new(503, "not-ready", "the recording cannot go on, so nothing is answered".to_owned()));
    }
    Ok(told(&json!({"status": "ready"})))
}

async fn version() -> Response {
    told(&json!({"name": "tapdeck", "version": env!("CARGO_PKG_VERSION"), "format": FORMAT}))
}

async fn metrics(State(panel): State<Arc<Panel>>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], metrics::page(&panel)).into_response()
}

async fn mark(State(panel): State<Arc<Panel>>, body: Read) -> Answer {
    let engine = panel.door.engine().ok_or_else(|| {
        let detail = "the deck itself plays nothing: mark a session, `POST /v1/sessions/ID/marks`".to_owned();
        Fault::new(409, "nothing-to-mark", detail)
    })?;
    marked(&engine, &read(body)?).await
}

/// Takes a note down.
async fn marked(engine: &Engine, body: &[u8]) -> Answer {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wanted {
        note: String,
    }
    let Wanted { note } = parsed(body, HOW_TO_MARK)?;
    if note.is_empty() || note.chars().count() > LONGEST_NOTE || note.contains(char::is_control) {
        return Err(Fault::new(400, "bad-request", HOW_TO_MARK.to_owned()));
    }
    let unmarked = |error: crate::engine::journal::JournalError| Fault::new(503, "not-ready", error.to_string());
    engine.mark(&note).await.map_err(unmarked)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn read(body: Read) -> Result<Bytes, Fault> {
    body.map_err(|rejection| Fault::new(rejection.status().as_u16(), "bad-body", rejection.body_text()))
}

/// A body as JSON; where it cannot be, and how it should be.
fn parsed<T: for<'a> Deserialize<'a>>(body: &[u8], how: &str) -> Result<T, Fault> {
    // A list would be read as the fields in their order.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(Fault::new(400, "bad-request", format!("body: no JSON object; {how}")));
    }
    serde_json::from_slice(body).map_err(|error| Fault::new(400, "bad-request", format!("body: {error}; {how}")))
}

fn told(value: &impl Serialize) -> Response {
    axum::response::Json(value).into_response()
}

impl Fault {
    pub(super) fn new(status: u16, code: &'static str, detail: String) -> Self {
        Self { status, code, detail }
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let problem = crate::message::Response::problem(self.status, self.code, &self.detail);
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = problem.body.wire().clone();
        (status, [(header::CONTENT_TYPE, PROBLEM)], body).into_response()
    }
}

/// Every resource, as the help lists it.
const ROUTES: [(&str, &str, &str); 23] = [
    ("GET", "/", "this help"),
    ("GET", "/v1/health", "is it up"),
    ("GET", "/v1/ready", "does it answer clients"),
    ("GET", "/v1/version", "which tapdeck it is"),
    ("GET", "/v1/openapi.json", "all of this for programs"),
    ("GET", "/metrics", "counters, for Prometheus"),
    ("POST", "/v1/marks", "note something in the recording or the replay: {\"note\": \"round two\"}"),
    ("GET", "/v1/sessions", "the replay sessions; `main` is the deck's own"),
    ("POST", "/v1/sessions", "open one: {\"cassette\": \"lobby.cassette.json\", \"live\": \"all\"}"),
    ("GET", "/v1/sessions/{id}", "one, with its receipt so far"),
    ("DELETE", "/v1/sessions/{id}", "end it; gives its last receipt"),
    ("POST", "/v1/sessions/{id}:reset", "back to the cassette's start, at the same port"),
    ("GET", "/v1/sessions/{id}/outcomes", "how each call was answered: the last 1000"),
    ("GET", "/v1/sessions/{id}/unmatched", "what was missed, and why: the first 100"),
    ("GET", "/v1/sessions/{id}/unplayed", "recorded exchanges of live players that nobody asked for"),
    ("GET", "/v1/sessions/{id}/findings", "broken rules of the contract"),
    ("POST", "/v1/sessions/{id}/marks", "put a note among the outcomes: {\"note\": \"round two\"}"),
    ("GET", "/v1/clock", "the emulator's time"),
    ("POST", "/v1/clock:advance", "move it: {\"by\": \"30s\"}"),
    ("GET", "/v1/state", "everything the emulator remembers"),
    ("PUT", "/v1/state", "put that back"),
    ("POST", "/v1/state:reset", "forget everything"),
    ("POST", "/v1/rta:resync", "tell every real-time client to fetch everything again"),
];

const OPENAPI: &str = include_str!("../docs/control.openapi.json");
const SEE_HELP: &str = "GET / lists what there is";
const HOW_TO_MARK: &str = r#"send {"note": "round two"}: one line of 1 to 500 characters"#;
const LONGEST_NOTE: usize = 500;
/// Whatever describes a session or a note is short.
const BODY_BYTES: usize = 64 * 1024;
