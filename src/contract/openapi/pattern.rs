//! Case-blind patterns without the flag, for engines that have none.

/// The same pattern with both cases of every letter.
pub(super) fn any_case(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() * 4);
    let mut rest = pattern.chars();
    while let Some(letter) = rest.next() {
        match letter {
            '\\' => out.extend(['\\'].into_iter().chain(rest.next())),
            '[' => out.push_str(&class(&mut rest)),
            _ if letter.is_ascii_alphabetic() => {
                out.extend(['[', letter.to_ascii_uppercase(), letter.to_ascii_lowercase(), ']']);
            }
            _ => out.push(letter),
        }
    }
    out
}

/// A character class after its `[`: what it has, and the same in the other case.
fn class(rest: &mut impl Iterator<Item = char>) -> String {
    let (mut same, mut other, mut is_escaped) = (String::new(), String::new(), false);
    for letter in rest {
        if letter == ']' && !is_escaped {
            break;
        }
        same.push(letter);
        let swapped =
            if letter.is_ascii_lowercase() { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() };
        other.push(if is_escaped { letter } else { swapped });
        is_escaped = letter == '\\' && !is_escaped;
    }
    let other = if other == same { "" } else { other.trim_start_matches('^') };
    format!("[{same}{other}]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folded_patterns_match_what_the_flag_does() {
        let texts =
            ["open", "OpEn", "opens", "", "a-f", "DEAD", "dead", "^", "x y ASC", "x\ty desc ", "asc", "\\S", "]a"];
        for pattern in [
            "^(?:open|full)$",
            "^[0-9a-f]+$",
            r"^\s*(?:$|\S.*\s(?:asc|desc)\s*$)",
            r"^[^\sa-c]+$",
            r"^\\s$",
            r"^[\]a]+$",
        ] {
            let (blind, folded) = (format!("(?i){pattern}"), any_case(pattern));
            let [blind, folded] = [blind, folded].map(|pattern| regex::Regex::new(&pattern).unwrap());
            for text in texts {
                assert_eq!(folded.is_match(text), blind.is_match(text), "{pattern} as {folded}: {text:?}");
            }
        }
    }
}
