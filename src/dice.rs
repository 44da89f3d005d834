//! Draws keyed by (seed, entity, n): the n-th value of one entity never depends on any other.
//!
//! One sequence for everything would let an unrelated request shift every later value.

use sha2::{Digest, Sha256};

/// A seeded source of values that are stable across versions and platforms.
#[derive(Clone, Copy, Debug)]
pub struct Dice {
    seed: u64,
}

impl Dice {
    /// Dice for one seed.
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The `n`-th 32 bytes of `entity`.
    pub fn draw(&self, entity: &str, n: u64) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.seed.to_be_bytes());
        hash.update(entity.as_bytes());
        hash.update([0]);
        hash.update(n.to_be_bytes());
        hash.finalize().into()
    }

    /// A lower-case version 4 GUID.
    pub fn guid(&self, entity: &str, n: u64) -> String {
        let mut bytes = self.draw(entity, n);
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let text = hex(&bytes[..16]);
        format!("{}-{}-{}-{}-{}", &text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..])
    }

    /// 32 lower-case hex digits.
    pub fn hex32(&self, entity: &str, n: u64) -> String {
        hex(&self.draw(entity, n)[..16])
    }

    /// A 64-bit number.
    pub fn number(&self, entity: &str, n: u64) -> u64 {
        self.draw(entity, n)[..8].iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]).map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_depend_on_seed_entity_and_number_alone() {
        let dice = Dice::new(7);
        assert_eq!(dice.guid("session a", 0), Dice::new(7).guid("session a", 0));
        assert_ne!(dice.guid("session a", 0), dice.guid("session a", 1));
        assert_ne!(dice.guid("session a", 0), dice.guid("session b", 0));
        assert_ne!(dice.guid("session a", 0), Dice::new(8).guid("session a", 0));
        assert_eq!(dice.guid("session a", 0).as_bytes()[14], b'4');
    }
}
