//! Java's own form of a trust store, which every Java reads: certificates, each with a name, and a checksum.
//!
//! PKCS#12 is younger, and needs more said to hold as many certificates.

use sha1::{Digest, Sha1};

pub(super) use crate::intercept::authority::PASSWORD;

/// A trust store of these certificates.
pub(super) fn trust_store<'c>(certificates: impl ExactSizeIterator<Item = &'c [u8]>) -> Vec<u8> {
    let mut store = Vec::new();
    number(&mut store, MAGIC);
    number(&mut store, VERSION);
    number(&mut store, length(certificates.len()));
    for (index, certificate) in certificates.enumerate() {
        number(&mut store, TRUSTED);
        text(&mut store, &format!("root-{index}"));
        store.extend(MADE);
        text(&mut store, "X.509");
        number(&mut store, length(certificate.len()));
        store.extend(certificate);
    }
    let password = PASSWORD.encode_utf16().flat_map(u16::to_be_bytes);
    let sum = Sha1::new().chain_update(password.collect::<Vec<u8>>()).chain_update(WHITENER).chain_update(&store);
    store.extend(sum.finalize());
    store
}

fn number(store: &mut Vec<u8>, number: u32) {
    store.extend(number.to_be_bytes());
}

/// A text of ours: short, and ASCII.
fn text(store: &mut Vec<u8>, text: &str) {
    store.extend(u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
    store.extend(text.as_bytes());
}

/// No store is anywhere near the limit.
fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

const MAGIC: u32 = 0xfeed_feed;
const VERSION: u32 = 2;
/// The tag of a certificate that is trusted.
const TRUSTED: u32 = 2;
/// When an entry was made, in milliseconds: nobody asks.
const MADE: [u8; 8] = [0; 8];
/// What the checksum covers beside password and store.
const WHITENER: &[u8] = b"Mighty Aphrodite";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_laid_out_as_java_reads_it() {
        let certificates: [&[u8]; 2] = [b"one", b"other"];
        let store = trust_store(certificates.into_iter());
        assert_eq!(store[..12], [0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2, 0, 0, 0, 2]);
        let first = [&[0, 0, 0, 2, 0, 6][..], b"root-0", &[0; 8], &[0, 5], b"X.509", &[0, 0, 0, 3], b"one"].concat();
        assert_eq!(store[12..][..first.len()], first);
        assert_eq!(store.len(), 12 + 2 * first.len() + 2 + 20);
    }
}
