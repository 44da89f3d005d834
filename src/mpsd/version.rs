//! Contract versions: which spelling of the session document a caller speaks (mpsd-wire §4.8).

/// A contract version MPSD documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contract {
    /// 104, the same document as 105.
    V104,
    /// 105: `timeouts` and `managedInitialization`.
    V105,
    /// 107: the four timeouts by themselves and `memberInitialization`.
    V107,
}

impl Contract {
    /// The version an `X-Xbl-Contract-Version` value names; `None` for any other.
    pub fn named(text: &str) -> Option<Self> {
        match text.trim() {
            "104" => Some(Self::V104),
            "105" => Some(Self::V105),
            "107" => Some(Self::V107),
            _ => None,
        }
    }

    /// The number itself.
    pub fn number(self) -> u64 {
        match self {
            Self::V104 => 104,
            Self::V105 => 105,
            Self::V107 => 107,
        }
    }

    /// Which names of `constants.system` it uses.
    pub fn names(self) -> Names {
        match self {
            Self::V104 | Self::V105 => Names::Old,
            Self::V107 => Names::New,
        }
    }
}

/// The two spellings of `constants.system`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// Contract 104 and 105.
    Old,
    /// Contract 107.
    New,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_documented_versions_have_a_name() {
        assert_eq!(Contract::named(" 107 ").map(Contract::number), Some(107));
        assert_eq!(Contract::named("104").map(Contract::names), Some(Names::Old));
        for other in ["", "106", "108", "vnext", "1070", "-1"] {
            assert_eq!(Contract::named(other), None, "{other}");
        }
    }
}
