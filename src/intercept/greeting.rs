//! What a client says first, once TLS is agreed on: a client that leaves without a word may not like our certificate.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};

use super::session::ConnectionError;
use super::stream::{Opening, Stream};

/// Waits for a client's first word.
pub(super) async fn first_word<IO>(io: IO, host: Option<String>) -> Result<Stream<IO>, ConnectionError>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    match Stream::open(io).await {
        Ok((Opening::Nothing, _)) => Err(ConnectionError::Silent(host)),
        Ok((_, stream)) => Ok(stream),
        // With TLS 1.3 the handshake may be over here before the client's verdict arrives.
        Err(source) if has_alert(&source) => Err(ConnectionError::Tls { host, source }),
        Err(_) => Err(ConnectionError::Silent(host)),
    }
}

fn has_alert(error: &io::Error) -> bool {
    let error = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
    matches!(error, Some(rustls::Error::AlertReceived(_)))
}
