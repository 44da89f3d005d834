//! Which player a client is, where somebody said so: by the proxy user it comes as, the listener it comes to, or its
//! address, in this order. The client itself says the first and its settings the second; behind one address there may
//! be several.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use ::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::net::TcpListener;

use crate::exchange::LaneName;
use crate::message::Response;

use super::session::Session;

/// Where clients come in, and who they are there.
#[derive(Debug)]
pub struct Listener {
    /// The listening socket.
    pub socket: TcpListener,
    /// The player that everybody here is.
    pub name: Option<LaneName>,
    /// Players by address; a listener's own name beats them.
    pub clients: Arc<BTreeMap<IpAddr, LaneName>>,
}

impl From<TcpListener> for Listener {
    fn from(socket: TcpListener) -> Self {
        Self { socket, name: None, clients: Arc::default() }
    }
}

impl Listener {
    /// The player that a client from an address is.
    pub(super) fn name(&self, client: IpAddr) -> Option<LaneName> {
        self.name.as_ref().or_else(|| self.clients.get(&client.to_canonical())).cloned()
    }
}

/// The connection as that of the player whose name its proxy user is; or the answer to one that is no such name.
pub(super) fn as_proxy_user(session: Session, headers: &HeaderMap) -> Result<Session, Box<Response>> {
    let Some(user) = headers.get(header::PROXY_AUTHORIZATION).and_then(|value| user(value.to_str().ok()?)) else {
        return Ok(session);
    };
    let name = user.parse::<LaneName>().map_err(|reason| refused(&session, &reason))?;
    // In a cassette there are lanes of such a name; elsewhere it would be given to somebody else.
    let is_playing = session.engine().is_some_and(|engine| engine.player().is_some());
    if name.is_generated() && !is_playing {
        return Err(refused(&session, "names like `player1` and `lane-1` are what tapdeck calls lanes without a name"));
    }
    Ok(session.named(Some(name)))
}

/// User and password of Basic credentials; `None` for other schemes.
pub(super) fn credentials(credentials: &str) -> Option<(String, String)> {
    let (scheme, encoded) = credentials.split_once(' ')?;
    let plain = STANDARD.decode(encoded.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let plain = String::from_utf8(plain).ok()?;
    let (user, password) = plain.split_once(':').unwrap_or((plain.as_str(), ""));
    Some((user.to_owned(), password.to_owned()))
}

/// The user of Basic credentials; `None` for no user at all.
fn user(given: &str) -> Option<String> {
    credentials(given).map(|(user, _)| user).filter(|user| !user.is_empty())
}

/// The user is not told: it may be meant for another proxy, with a password.
fn refused(session: &Session, reason: &str) -> Box<Response> {
    session.refuse(&format!("its proxy user names no player: {reason}"));
    let detail = format!("the proxy user names no player: {reason}; write `http://NAME@HOST:PORT`, or no user at all");
    Box::new(Response::problem(400, "bad-player-name", &detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_what_stands_before_the_colon() {
        let basic = |plain: &str| format!("Basic {}", STANDARD.encode(plain));
        for (credentials, expected) in [
            (basic("guest:"), Some("guest")),
            (basic("guest"), Some("guest")),
            (basic("guest:pass:word").replace("Basic", "bASIC"), Some("guest")),
            (basic(":password"), None),
            (basic("guest:").replace("Basic", "Bearer"), None),
            ("Basic".to_owned(), None),
            ("Basic ?".to_owned(), None),
        ] {
            assert_eq!(user(&credentials).as_deref(), expected, "{credentials}");
        }
    }
}
