//! What a harness asks of a deck that replays: sessions, and what became of them.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::json;

use super::sessions::{Entry, Sessions, Wanted};
use super::{Answer, Fault, Panel, Read, marked, parsed, read, told};

/// Its resources.
pub(super) fn routes() -> Router<Arc<Panel>> {
    Router::new()
        .route("/v1/sessions", get(list).post(start))
        // The router takes no verb behind a name, so a handler does: `POST /v1/sessions/s1:reset`.
        .route("/v1/sessions/{id}", get(show).post(act).delete(end))
        .route("/v1/sessions/{id}/outcomes", get(outcomes))
        .route("/v1/sessions/{id}/unmatched", get(unmatched))
        .route("/v1/sessions/{id}/unplayed", get(unplayed))
        .route("/v1/sessions/{id}/findings", get(findings))
        .route("/v1/sessions/{id}/marks", axum::routing::post(mark))
}

async fn list(State(panel): State<Arc<Panel>>) -> Answer {
    let sessions = sessions(&panel)?;
    Ok(told(&json!({"sessions": sessions.list()})))
}

async fn start(State(panel): State<Arc<Panel>>, body: Read) -> Answer {
    let sessions = sessions(&panel)?;
    let wanted: Wanted = parsed(&read(body)?, HOW_TO_START)?;
    let entry = sessions.start(wanted).await?;
    let location = format!("/v1/sessions/{}", entry.id());
    let shown = sessions.show(&entry).await;
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], told(&shown)).into_response())
}

async fn show(State(panel): State<Arc<Panel>>, Path(id): Path<String>) -> Answer {
    let sessions = sessions(&panel)?;
    Ok(told(&sessions.show(&*sessions.find(&id)?).await))
}

async fn act(State(panel): State<Arc<Panel>>, Path(id): Path<String>) -> Answer {
    let sessions = sessions(&panel)?;
    let Some(id) = id.strip_suffix(":reset") else {
        let detail = "a session takes `POST /v1/sessions/ID:reset` and `POST /v1/sessions/ID/marks`".to_owned();
        return Err(Fault::new(405, "method-not-allowed", detail));
    };
    let entry = sessions.find(id)?;
    entry.session.reset().await?;
    Ok(told(&sessions.show(&entry).await))
}

async fn end(State(panel): State<Arc<Panel>>, Path(id): Path<String>) -> Answer {
    Ok(told(&sessions(&panel)?.end(&id).await?))
}

async fn outcomes(State(panel): State<Arc<Panel>>, Path(id): Path<String>) -> Answer {
    let engine = entry(&panel, &id)?.session.engine();
    Ok(told(&json!({"total": engine.outcomes().total(), "outcomes": engine.outcomes().last()})))
}

async fn unmatched(State(panel): State<Arc<Panel>>, Path(id): Path<String>) -> Answer {
    let receipt = entry(&panel, &id)?.session.engine().receipt().unwrap_or_default();
    Ok(told(&json!({"total": receipt.exchanges.miss, "unmatched": receipt.misses})))
}

async fn unplayed(State(panel): State<Arc<Panel>>, Path(id): Path<String>) -> Answer {
    let receipt = entry(&panel, &id)?.session.engine().receipt().unwrap_or_default();
    let listed = &receipt.unplayed[..receipt.unplayed.len().min(MOST_LISTED)];
    Ok(told(&json!({"total": receipt.exchanges.unplayed, "unplayed": listed})))
}

async fn findings(State(panel): State<Arc<Panel>>, Path(id): Path<String>) -> Answer {
    let engine = entry(&panel, &id)?.session.engine();
    engine.caught_up().await;
    let seen = engine.watch().seen();
    let listed = &seen[..seen.len().min(MOST_LISTED)];
    Ok(told(&json!({"total": seen.len(), "findings": listed})))
}

async fn mark(State(panel): State<Arc<Panel>>, Path(id): Path<String>, body: Read) -> Answer {
    let entry = entry(&panel, &id)?;
    marked(&entry.session.engine(), &read(body)?).await
}

fn sessions(panel: &Panel) -> Result<&Sessions, Fault> {
    panel.sessions.as_ref().ok_or_else(|| {
        let detail = "nothing is replayed here: `tapdeck replay` does, with or without a cassette".to_owned();
        Fault::new(409, "no-sessions", detail)
    })
}

fn entry(panel: &Panel, id: &str) -> Result<Arc<Entry>, Fault> {
    sessions(panel)?.find(id)
}

const HOW_TO_START: &str = r#"send {"cassette": "lobby.cassette.json"}, and `GET /v1/openapi.json` has the rest"#;
/// Entries of one list.
const MOST_LISTED: usize = 1000;
