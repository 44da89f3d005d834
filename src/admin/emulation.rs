//! What a harness asks of a deck that emulates: its clock, its state.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{Answer, Fault, Panel, Read, read, told};
use crate::clock::mpsd_timestamp;
use crate::emulator::{Emulator, STATE_BYTES};
use crate::engine::Engine;

/// Its resources.
pub(super) fn routes() -> Router<Arc<Panel>> {
    Router::new()
        .route("/v1/clock", get(clock))
        .route("/v1/clock:advance", post(advance))
        .route("/v1/state", get(dump).put(load))
        .route("/v1/state:reset", post(reset))
        .route("/v1/rta:resync", post(resync))
        .layer(DefaultBodyLimit::max(STATE_BYTES))
}

async fn clock(State(panel): State<Arc<Panel>>) -> Answer {
    let engine = emulating(&panel)?;
    Ok(told(&now(emulator(&engine)?)))
}

async fn advance(State(panel): State<Arc<Panel>>, body: Read) -> Answer {
    let engine = emulating(&panel)?;
    let emulator = emulator(&engine)?;
    let by = step(&read(body)?).ok_or_else(|| Fault::new(400, "bad-step", HOW_TO_STEP.to_owned()))?;
    if !emulator.clock().is_manual() {
        return Err(Fault::new(409, "wall-clock", "this emulator's clock follows the wall".to_owned()));
    }
    let sockets = emulator.advance(by);
    engine.wake(sockets);
    Ok(told(&now(emulator)))
}

async fn dump(State(panel): State<Arc<Panel>>) -> Answer {
    let engine = emulating(&panel)?;
    let state = emulator(&engine)?.dump();
    Ok(([("content-type", "application/json")], state).into_response())
}

async fn load(State(panel): State<Arc<Panel>>, body: Read) -> Answer {
    let engine = emulating(&panel)?;
    let body: Bytes = read(body)?;
    let bad = |detail: String| Fault::new(400, "bad-state", detail);
    let text = std::str::from_utf8(&body).map_err(|_| bad("not UTF-8".to_owned()))?;
    let sockets = emulator(&engine)?.load(text).map_err(|error| bad(error.to_string()))?;
    engine.wake(sockets);
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn reset(State(panel): State<Arc<Panel>>) -> Answer {
    let engine = emulating(&panel)?;
    let sockets = emulator(&engine)?.reset();
    engine.wake(sockets);
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn resync(State(panel): State<Arc<Panel>>) -> Answer {
    let engine = emulating(&panel)?;
    let sockets = emulator(&engine)?.resync();
    engine.wake(sockets);
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn emulating(panel: &Panel) -> Result<Arc<Engine>, Fault> {
    panel.door.engine().ok_or_else(nothing_emulated)
}

fn emulator(engine: &Engine) -> Result<&Emulator, Fault> {
    engine.emulator().ok_or_else(nothing_emulated)
}

fn nothing_emulated() -> Fault {
    let detail = "nothing is emulated here: `tapdeck emulate` and `record --upstream emulator` do".to_owned();
    Fault::new(409, "no-emulator", detail)
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

const HOW_TO_STEP: &str = r#"send {"by": "30s"} or {"by": 30000} (milliseconds), at most 400 days"#;
const MOST_STEP: Duration = Duration::from_secs(400 * 24 * 60 * 60);

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
}
