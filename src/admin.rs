//! The control port: what a test harness asks of a running deck, on a listener of its own.
//!
//! Only programs of this machine may ask: a request whose `Host` or `Origin` is not a loopback name is refused, so that
//! no web page can.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::clock::mpsd_timestamp;
use crate::emulator::{Emulator, STATE_BYTES};
use crate::engine::Engine;
use crate::intercept::hosts::is_loopback;

/// Serves the control port until it is told to stop.
pub async fn serve(listener: TcpListener, engine: Arc<Engine>, stop: CancellationToken) {
    let routes = Router::new()
        .route("/", get(help))
        .route("/v1/health", get(|| async { axum::response::Json(json!({"status": "ok"})) }))
        .route("/v1/clock", get(clock))
        .route("/v1/clock:advance", post(advance))
        .route("/v1/state", get(dump).put(load))
        .route("/v1/state:reset", post(reset))
        .route("/v1/rta:resync", post(resync))
        .fallback(|| async { problem(StatusCode::NOT_FOUND, "not-found", "GET / lists what there is") })
        .layer(DefaultBodyLimit::max(STATE_BYTES))
        .layer(middleware::from_fn(from_here_only))
        .with_state(engine);
    let serving = axum::serve(listener, routes).with_graceful_shutdown(stop.cancelled_owned());
    if let Err(error) = serving.await {
        tracing::warn!(%error, "the control port ended");
    }
}

type Answer = Result<Response, Response>;

async fn help() -> &'static str {
    HELP
}

async fn clock(State(engine): State<Arc<Engine>>) -> Answer {
    Ok(told(&now(emulator(&engine)?)))
}

async fn advance(State(engine): State<Arc<Engine>>, body: Bytes) -> Answer {
    let emulator = emulator(&engine)?;
    let by = step(&body).ok_or_else(|| problem(StatusCode::BAD_REQUEST, "bad-step", HOW_TO_STEP))?;
    if !emulator.clock().is_manual() {
        return Err(problem(StatusCode::CONFLICT, "wall-clock", "this emulator's clock follows the wall"));
    }
    let sockets = emulator.advance(by);
    engine.wake(sockets);
    Ok(told(&now(emulator)))
}

async fn dump(State(engine): State<Arc<Engine>>) -> Answer {
    let state = emulator(&engine)?.dump();
    Ok(([(header::CONTENT_TYPE, "application/json")], state).into_response())
}

async fn load(State(engine): State<Arc<Engine>>, body: Bytes) -> Answer {
    let text = std::str::from_utf8(&body).map_err(|_| problem(StatusCode::BAD_REQUEST, "bad-state", "not UTF-8"))?;
    let loaded = emulator(&engine)?.load(text);
    let sockets = loaded.map_err(|error| problem(StatusCode::BAD_REQUEST, "bad-state", &error.to_string()))?;
    engine.wake(sockets);
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn reset(State(engine): State<Arc<Engine>>) -> Answer {
    let sockets = emulator(&engine)?.reset();
    engine.wake(sockets);
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn resync(State(engine): State<Arc<Engine>>) -> Answer {
    let sockets = emulator(&engine)?.resync();
    engine.wake(sockets);
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Refuses what a web page may have sent: those name the host they think they talk to, and where they come from.
async fn from_here_only(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let is_ours = |name| match headers.get(name).map(|value| value.to_str()) {
        None => true,
        Some(Ok(value)) => is_loopback(host_of(value)),
        Some(Err(_)) => false,
    };
    if is_ours(header::HOST) && is_ours(header::ORIGIN) && names_host(headers) {
        return next.run(request).await;
    }
    problem(StatusCode::FORBIDDEN, "foreign-request", "the control port answers programs of this machine only")
}

fn names_host(headers: &HeaderMap) -> bool {
    headers.contains_key(header::HOST)
}

/// The host of an authority or an origin.
fn host_of(value: &str) -> &str {
    let authority = value.split_once("://").map_or(value, |(_, rest)| rest);
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

#[expect(clippy::result_large_err, reason = "a refusal is an answer like any other")]
fn emulator(engine: &Engine) -> Result<&Emulator, Response> {
    engine.emulator().ok_or_else(|| problem(StatusCode::CONFLICT, "no-emulator", "nothing is emulated here"))
}

fn now(emulator: &Emulator) -> Value {
    json!({"now": mpsd_timestamp(emulator.clock().now())})
}

/// How far to move: `{"by": "1h 30m"}`, or milliseconds as a number.
fn step(body: &[u8]) -> Option<Duration> {
    let body: Value = serde_json::from_slice(body).ok()?;
    match &body["by"] {
        Value::Number(milliseconds) => milliseconds.as_u64().map(Duration::from_millis),
        Value::String(text) => text.parse::<SignedDuration>().ok()?.try_into().ok(),
        _ => None,
    }
    .filter(|step| *step <= MOST_STEP)
}

fn told(value: &Value) -> Response {
    axum::response::Json(value).into_response()
}

fn problem(status: StatusCode, code: &str, detail: &str) -> Response {
    let problem = crate::message::Response::problem(status.as_u16(), code, detail);
    let body = problem.body.wire().clone();
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response()
}

const HOW_TO_STEP: &str = r#"send {"by": "30s"} or {"by": 30000} (milliseconds), at most 400 days"#;
const MOST_STEP: Duration = Duration::from_secs(400 * 24 * 60 * 60);

const HELP: &str = "\
tapdeck's control port

GET  /v1/health          is it up
GET  /v1/clock           the emulator's time
POST /v1/clock:advance   move it: {\"by\": \"30s\"}
GET  /v1/state           everything the emulator remembers
PUT  /v1/state           put that back
POST /v1/state:reset     forget everything
POST /v1/rta:resync      tell every real-time client to fetch everything again
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_words_or_milliseconds() {
        let by = |text: &str| step(text.as_bytes()).map(|step| step.as_millis());
        assert_eq!(by(r#"{"by":"30s"}"#), Some(30_000));
        assert_eq!(by(r#"{"by":"1h 30m"}"#), Some(5_400_000));
        assert_eq!(by(r#"{"by":30001}"#), Some(30_001));
        for wrong in ["", "{}", r#"{"by":-1}"#, r#"{"by":"-30s"}"#, r#"{"by":"soon"}"#, r#"{"by":"9999 days"}"#] {
            assert_eq!(by(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn hosts_are_read_from_authorities_and_origins() {
        for (value, host) in [
            ("localhost:8889", "localhost"),
            ("http://evil.test", "evil.test"),
            ("[::1]:80", "[::1]"),
            ("null", "null"),
        ] {
            assert_eq!(host_of(value), host);
        }
    }
}
