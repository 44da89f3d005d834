//! Serde for types of the layers above, which know nothing of files.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::cassette::body::{decode, encode};
use crate::cassette::frame::BROKEN;
use crate::exchange::{Outcome, Protocol};
use crate::message::{Headers, Scheme};
use crate::socket::{Opcode, Sender};

/// An outcome by its name.
pub(super) mod outcome {
    use super::*;

    pub(in crate::cassette) fn serialize<S: Serializer>(value: &Outcome, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(value.as_str())
    }

    pub(in crate::cassette) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Outcome, D::Error> {
        let name = String::deserialize(deserializer)?;
        Outcome::named(&name).ok_or_else(|| D::Error::custom("not a known outcome"))
    }
}

/// A protocol by its name.
pub(super) mod protocol {
    use super::*;

    pub(in crate::cassette) fn serialize<S: Serializer>(value: &Protocol, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(value.as_str())
    }

    pub(in crate::cassette) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Protocol, D::Error> {
        let name = String::deserialize(deserializer)?;
        [Protocol::H1, Protocol::H2]
            .into_iter()
            .find(|protocol| protocol.as_str() == name)
            .ok_or_else(|| D::Error::custom("not a known protocol"))
    }
}

/// A side by its name.
pub(in crate::cassette) mod sender {
    use super::*;

    pub(in crate::cassette) fn serialize<S: Serializer>(value: &Sender, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(value.as_str())
    }

    pub(in crate::cassette) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Sender, D::Error> {
        let name = String::deserialize(deserializer)?;
        [Sender::Client, Sender::Service]
            .into_iter()
            .find(|sender| sender.as_str() == name)
            .ok_or_else(|| D::Error::custom("neither client nor service"))
    }
}

/// An opcode by its name; `broken` is the end of a connection without one.
pub(in crate::cassette) mod opcode {
    use super::*;

    pub(in crate::cassette) fn serialize<S: Serializer>(
        value: &Option<Opcode>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&value.map_or_else(|| BROKEN.to_owned(), Opcode::name))
    }

    pub(in crate::cassette) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Opcode>, D::Error> {
        let name = String::deserialize(deserializer)?;
        if name == BROKEN {
            return Ok(None);
        }
        Opcode::named(&name).map(Some).ok_or_else(|| D::Error::custom("not a known opcode"))
    }
}

/// A scheme by its name.
pub(super) mod scheme {
    use super::*;

    pub(in crate::cassette) fn serialize<S: Serializer>(value: &Scheme, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(value.as_str())
    }

    pub(in crate::cassette) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Scheme, D::Error> {
        let name = String::deserialize(deserializer)?;
        [Scheme::Http, Scheme::Https]
            .into_iter()
            .find(|scheme| scheme.as_str() == name)
            .ok_or_else(|| D::Error::custom("not a known scheme"))
    }
}

/// Header lines as `[[name, value], …]`; a value that is not UTF-8 as `{"b64": …}`.
pub(super) mod headers {
    use super::*;

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Value {
        Text(String),
        Raw { b64: String },
    }

    pub(in crate::cassette) fn serialize<S: Serializer>(headers: &Headers, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(headers.iter().map(|header| (header.name.as_str(), value(&header.value))))
    }

    pub(in crate::cassette) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Headers, D::Error> {
        let mut headers = Headers::new();
        for (name, value) in Vec::<(String, Value)>::deserialize(deserializer)? {
            match value {
                Value::Text(text) => headers.push(&name, text),
                Value::Raw { b64 } => headers.push(&name, decode(&b64).map_err(D::Error::custom)?),
            }
        }
        Ok(headers)
    }

    fn value(bytes: &[u8]) -> Value {
        match std::str::from_utf8(bytes) {
            Ok(text) => Value::Text(text.to_owned()),
            Err(_) => Value::Raw { b64: encode(bytes) },
        }
    }
}
