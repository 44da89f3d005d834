//! An open socket: relayed to the service as it stands, or spoken to by the deck itself.

mod intake;
mod local;
mod relay;

use std::time::Duration;

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::engine::{Behind, Scribe};

use super::session::{ConnectionError, Session};
use super::stream::Stream;

/// Either end of a socket.
pub(super) type Io = Stream<TokioIo<Upgraded>>;

/// Serves a socket to its end.
pub(super) async fn serve(
    session: &Session,
    scribe: Scribe,
    behind: Behind,
    client: Io,
) -> Result<(), ConnectionError> {
    let serving = async {
        match behind {
            Behind::Service(far) => relay::serve(session, &scribe, far, client).await,
            Behind::Deck(local) => local::serve(session, &scribe, local, client).await,
        }
    };
    tokio::select! {
        biased;
        () = session.work.abort.cancelled() => Ok(()),
        () = scribe.ended().cancelled() => Ok(()),
        served = serving => Ok(served?),
    }
}

/// Ends our side of a stream and waits for the peer to end its own: what it had still sent would lose it our last word.
async fn part(reader: &mut (impl AsyncRead + Unpin), writer: &mut (impl AsyncWrite + Unpin), deadline: Duration) {
    let parting = async {
        let _ = writer.shutdown().await;
        let mut rest = [0; 1024];
        while reader.read(&mut rest).await.is_ok_and(|count| count > 0) {}
    };
    // However it ends, there is nothing more to say.
    let _ = tokio::time::timeout(deadline, parting).await;
}

/// The deck goes away (RFC 6455 §7.4.1).
const GOING_AWAY: u16 = 1001;
