//! Serde for types of the layers above, which know nothing of files.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::cassette::body::{decode, encode};
use crate::exchange::{Outcome, Protocol};
use crate::message::{Headers, Scheme};

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
