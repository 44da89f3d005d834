//! Content codings: undone for the record, redone the same way every time.

use std::io::{Read, Write};

use bytes::Bytes;

use super::Headers;

/// The content codings a body can carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Coding {
    /// None.
    #[default]
    Identity,
    /// `gzip`.
    Gzip,
    /// `deflate`, the zlib format.
    Deflate,
    /// `br`.
    Brotli,
    /// One we do not decode.
    Unknown,
}

impl Coding {
    /// The coding that `Content-Encoding` names; several at once count as unknown.
    pub fn of(headers: &Headers) -> Self {
        let mut names = headers.all("content-encoding");
        let (Some(value), None) = (names.next(), names.next()) else {
            return if headers.text("content-encoding").is_none() { Self::Identity } else { Self::Unknown };
        };
        match value.to_ascii_lowercase().as_slice() {
            b"" | b"identity" => Self::Identity,
            b"gzip" | b"x-gzip" => Self::Gzip,
            b"deflate" => Self::Deflate,
            b"br" => Self::Brotli,
            _ => Self::Unknown,
        }
    }

    /// The decoded bytes, or `None` when they do not decode or pass `cap` bytes.
    pub fn decode(self, wire: &Bytes, cap: usize) -> Option<Bytes> {
        if wire.is_empty() {
            return Some(Bytes::new());
        }
        match self {
            Self::Identity => Some(wire.clone()),
            Self::Gzip => read_capped(flate2::read::MultiGzDecoder::new(wire.as_ref()), cap),
            Self::Deflate => inflate(wire, cap),
            Self::Brotli => read_capped(brotli::Decompressor::new(wire.as_ref(), 4096), cap),
            Self::Unknown => None,
        }
    }

    /// Applies the coding; equal input gives equal bytes.
    pub fn encode(self, plain: &Bytes) -> Bytes {
        if plain.is_empty() {
            return Bytes::new();
        }
        let level = flate2::Compression::new(6);
        let encoded = match self {
            Self::Identity | Self::Unknown => return plain.clone(),
            Self::Gzip => {
                let mut encoder = flate2::GzBuilder::new().mtime(0).write(Vec::new(), level);
                encoder.write_all(plain).and_then(|()| encoder.finish())
            }
            Self::Deflate => {
                let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
                encoder.write_all(plain).and_then(|()| encoder.finish())
            }
            Self::Brotli => {
                let mut encoder = brotli::CompressorWriter::new(Vec::new(), 4096, 5, 22);
                encoder.write_all(plain).map(|()| encoder.into_inner())
            }
        };
        encoded.map_or_else(|_| plain.clone(), Bytes::from)
    }
}

/// Only a body that is nothing but one zlib stream decodes: what stood behind it would be overlooked.
fn inflate(wire: &Bytes, cap: usize) -> Option<Bytes> {
    let mut decoder = flate2::bufread::ZlibDecoder::new(wire.as_ref());
    let plain = read_capped(&mut decoder, cap)?;
    decoder.get_ref().is_empty().then_some(plain)
}

fn read_capped(reader: impl Read, cap: usize) -> Option<Bytes> {
    let mut plain = Vec::new();
    let limit = u64::try_from(cap).unwrap_or(u64::MAX).saturating_add(1);
    reader.take(limit).read_to_end(&mut plain).ok()?;
    (plain.len() <= cap).then(|| Bytes::from(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_coding_round_trips_and_repeats_itself() {
        let plain = Bytes::from("{\"a\":1}".repeat(50));
        for coding in [Coding::Identity, Coding::Gzip, Coding::Deflate, Coding::Brotli] {
            let wire = coding.encode(&plain);
            assert_eq!(coding.decode(&wire, 1 << 20).as_ref(), Some(&plain), "{coding:?}");
            assert_eq!(coding.encode(&plain), wire, "{coding:?}");
        }
    }

    #[test]
    fn bytes_behind_a_stream_make_a_body_opaque() {
        let plain = Bytes::from("{}");
        for coding in [Coding::Gzip, Coding::Deflate] {
            let wire = Bytes::from([coding.encode(&plain).as_ref(), b"secret"].concat());
            assert_eq!(coding.decode(&wire, 1 << 20), None, "{coding:?}");
        }
    }

    #[test]
    fn a_bomb_stays_opaque() {
        let wire = Coding::Gzip.encode(&Bytes::from(vec![b'a'; 100_000]));
        assert_eq!(Coding::Gzip.decode(&wire, 99_999), None);
    }
}
