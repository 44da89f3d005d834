//! Keys as they are pressed. The terminal is left as it was found, whichever way this ends.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(super) use unix::Keys;
#[cfg(windows)]
pub(super) use windows::Keys;
