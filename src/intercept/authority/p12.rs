//! PKCS#12 as a store of one certificate that is trusted, and no key: what Java, Windows and iOS import.
//!
//! A certificate is no secret, so nothing is encrypted. The sum at the end guards nothing either; importers want one.

use sha1::{Digest, Sha1};
use yasna::models::ObjectIdentifier;
use yasna::{DERWriter, Tag};

/// A store that trusts a certificate, under a name.
pub(super) fn trust_store(certificate: &[u8], name: &str) -> Vec<u8> {
    let bags = yasna::construct_der(|writer| {
        writer.write_sequence(|writer| write_bag(writer.next(), certificate, name));
    });
    let contents = yasna::construct_der(|writer| {
        writer.write_sequence(|writer| write_data(writer.next(), &bags));
    });
    // The same store every time.
    let salt = Sha1::digest(certificate);
    let sum = hmac(&key(&salt), &contents);
    yasna::construct_der(|writer| {
        writer.write_sequence(|writer| {
            writer.next().write_u8(3);
            write_data(writer.next(), &contents);
            writer.next().write_sequence(|writer| {
                writer.next().write_sequence(|writer| {
                    writer.next().write_sequence(|writer| {
                        writer.next().write_oid(&oid(SHA1));
                        writer.next().write_null();
                    });
                    writer.next().write_bytes(&sum);
                });
                writer.next().write_bytes(&salt);
                writer.next().write_u32(ROUNDS);
            });
        });
    })
}

fn write_data(writer: DERWriter<'_>, bytes: &[u8]) {
    writer.write_sequence(|writer| {
        writer.next().write_oid(&oid(DATA));
        writer.next().write_tagged(Tag::context(0), |writer| writer.write_bytes(bytes));
    });
}

fn write_bag(writer: DERWriter<'_>, certificate: &[u8], name: &str) {
    writer.write_sequence(|writer| {
        writer.next().write_oid(&oid(CERTIFICATE_BAG));
        writer.next().write_tagged(Tag::context(0), |writer| {
            writer.write_sequence(|writer| {
                writer.next().write_oid(&oid(X509));
                writer.next().write_tagged(Tag::context(0), |writer| writer.write_bytes(certificate));
            });
        });
        writer.next().write_set_of(|writer| {
            write_attribute(writer.next(), FRIENDLY_NAME, |writer| writer.write_bmp_string(name));
            write_attribute(writer.next(), TRUSTED_FOR, |writer| writer.write_oid(&oid(ANYTHING)));
        });
    });
}

fn write_attribute(writer: DERWriter<'_>, name: &[u64], value: impl FnOnce(DERWriter<'_>)) {
    writer.write_sequence(|writer| {
        writer.next().write_oid(&oid(name));
        writer.next().write_set_of(|writer| value(writer.next()));
    });
}

fn oid(parts: &[u64]) -> ObjectIdentifier {
    ObjectIdentifier::from_slice(parts)
}

/// The key of the sum, drawn from the password as RFC 7292, appendix B.2 says; one block of the hash is enough.
fn key(salt: &[u8]) -> [u8; HASH] {
    let password: Vec<u8> = PASSWORD.encode_utf16().chain([0]).flat_map(u16::to_be_bytes).collect();
    let mut sum =
        Sha1::new().chain_update([KEY_OF_SUM; BLOCK]).chain_update(blocks(salt)).chain_update(blocks(&password));
    for _ in 1..ROUNDS {
        sum = Sha1::new().chain_update(sum.finalize());
    }
    sum.finalize().into()
}

/// Bytes over and over, up to the end of a block.
fn blocks(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().cycle().take(bytes.len().next_multiple_of(BLOCK)).collect()
}

fn hmac(key: &[u8; HASH], text: &[u8]) -> [u8; HASH] {
    let padded = |pad: u8| {
        let mut block = [pad; BLOCK];
        block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
        block
    };
    let inner = Sha1::new().chain_update(padded(0x36)).chain_update(text).finalize();
    Sha1::new().chain_update(padded(0x5c)).chain_update(inner).finalize().into()
}

/// The password Java takes when it is told none; it keeps nothing from anybody.
pub const PASSWORD: &str = "changeit";

const DATA: &[u64] = &[1, 2, 840, 113_549, 1, 7, 1];
const CERTIFICATE_BAG: &[u64] = &[1, 2, 840, 113_549, 1, 12, 10, 1, 3];
const X509: &[u64] = &[1, 2, 840, 113_549, 1, 9, 22, 1];
const FRIENDLY_NAME: &[u64] = &[1, 2, 840, 113_549, 1, 9, 20];
/// Java's mark of a certificate that is trusted, and for what.
const TRUSTED_FOR: &[u64] = &[2, 16, 840, 1, 113_894, 746_875, 1, 1];
const ANYTHING: &[u64] = &[2, 5, 29, 37, 0];
/// Read by every importer there is, old ones too.
const SHA1: &[u64] = &[1, 3, 14, 3, 2, 26];
const HASH: usize = 20;
const BLOCK: usize = 64;
const KEY_OF_SUM: u8 = 3;
const ROUNDS: u32 = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_the_one_of_the_standard() {
        // RFC 2202, test case 3.
        let sum = hmac(&[0xaa; HASH], &[0xdd; 50]);
        assert_eq!(sum[..6], [0x12, 0x5d, 0x73, 0x42, 0xb9, 0xac]);
    }
}
