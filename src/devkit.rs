//! The Device Portal of an Xbox development kit: what tells a kit to use us as its proxy, and to trust our authority.
//!
//! Built from Microsoft's documents alone; no kit was at hand. The pages:
//! [Fiddler settings](https://learn.microsoft.com/en-us/windows/uwp/xbox-apps/wdp-fiddler-api) for `/ext/fiddler`,
//! [core API](https://learn.microsoft.com/en-us/windows/uwp/debug-test-perf/device-portal-api-core) for `/api/os/info`
//! and `/api/control/restart`,
//! [overview](https://learn.microsoft.com/en-us/windows/uwp/debug-test-perf/device-portal) for port 11443 and the CSRF
//! token. The form of the upload is that of
//! [WindowsDevicePortalWrapper](https://github.com/microsoft/WindowsDevicePortalWrapper), which found that the portal
//! takes no quotes around a boundary.
//!
//! Nothing is sent to a portal whose certificate is not the one that was confirmed before.

mod address;
mod error;
mod notes;
mod pin;
mod portal;
mod request;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

pub use address::{Address, ProxyAt};
pub use error::PortalError;
pub use notes::{Enabled, Notes, NotesError};
pub use pin::Fingerprint;
pub use portal::{Answer, Credentials, Deadlines, Portal, certificate_of};
pub use request::Request;

/// Our address on the network a kit is in. A connected UDP socket has it without a packet being sent.
pub fn our_address(kit: SocketAddr) -> io::Result<IpAddr> {
    let any: IpAddr = if kit.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(kit)?;
    Ok(socket.local_addr()?.ip())
}
