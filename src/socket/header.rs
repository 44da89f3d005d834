//! The head of a frame (RFC 6455 §5.2).

use super::Opcode;

/// The head of one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// True for the last frame of a message.
    pub fin: bool,
    /// The three reserved bits.
    pub reserved: u8,
    /// The opcode's four bits; 0 continues a message.
    pub opcode: u8,
    /// What the payload is masked with.
    pub mask: Option<[u8; 4]>,
    /// How many bytes of payload follow.
    pub length: u64,
}

/// A head no peer may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// The length's highest bit is set.
    #[error("a frame of more than 2^63 bytes")]
    TooLong,
}

impl Header {
    /// Reads a head from the front of some bytes: the head and its length, or `None` while bytes are missing.
    ///
    /// # Errors
    /// The length is one no frame can have.
    pub fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, HeaderError> {
        let &[first, second, ..] = bytes else {
            return Ok(None);
        };
        let (length, mut at) = match second & 0x7f {
            126 => match bytes.get(2..4) {
                Some(digits) => (digits.iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte)), 4),
                None => return Ok(None),
            },
            127 => match bytes.get(2..10) {
                Some(digits) => (digits.iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte)), 10),
                None => return Ok(None),
            },
            short => (u64::from(short), 2),
        };
        if length >> 63 != 0 {
            return Err(HeaderError::TooLong);
        }
        let mut mask = None;
        if second & 0x80 != 0 {
            let Some(key) = bytes.get(at..at + 4) else {
                return Ok(None);
            };
            mask = Some([key[0], key[1], key[2], key[3]]);
            at += 4;
        }
        let head = Self { fin: first & 0x80 != 0, reserved: (first >> 4) & 7, opcode: first & 0x0f, mask, length };
        Ok(Some((head, at)))
    }

    /// Appends the head in its shortest form.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.fin) << 7 | (self.reserved & 7) << 4 | (self.opcode & 0x0f));
        let masked = u8::from(self.mask.is_some()) << 7;
        let length = self.length.to_be_bytes();
        match self.length {
            0..126 => out.push(masked | length[7]),
            126..65_536 => {
                out.push(masked | 126);
                out.extend_from_slice(&length[6..]);
            }
            _ => {
                out.push(masked | 127);
                out.extend_from_slice(&length);
            }
        }
        out.extend(self.mask.iter().flatten());
    }

    /// True for a frame that may stand between the fragments of a message.
    pub fn is_control(&self) -> bool {
        Opcode::of(self.opcode).is_control()
    }
}

/// Masks or unmasks a payload, of which `offset` bytes came before.
pub fn mask(payload: &mut [u8], key: [u8; 4], offset: usize) {
    for (at, byte) in payload.iter_mut().enumerate() {
        *byte ^= key[(offset + at) % 4];
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_head_cut_short_is_waited_for() {
        let head = Header { fin: true, reserved: 0, opcode: 1, mask: Some([1, 2, 3, 4]), length: 70_000 };
        let mut bytes = Vec::new();
        head.write(&mut bytes);
        for cut in 0..bytes.len() {
            assert_eq!(Header::parse(&bytes[..cut]), Ok(None), "{cut}");
        }
        assert_eq!(Header::parse(&bytes), Ok(Some((head, 14))));
        assert_eq!(Header::parse(&[0x81, 127, 0x80, 0, 0, 0, 0, 0, 0, 0]), Err(HeaderError::TooLong));
    }

    proptest! {
        #[test]
        fn every_head_reads_back(first: u8, length in 0_u64..1 << 40, key in proptest::option::of(any::<[u8; 4]>())) {
            let head = Header { fin: first & 128 != 0, reserved: (first >> 4) & 7, opcode: first & 15, mask: key, length };
            let mut bytes = Vec::new();
            head.write(&mut bytes);
            prop_assert_eq!(Header::parse(&bytes), Ok(Some((head, bytes.len()))));
        }
    }
}
