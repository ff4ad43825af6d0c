//! The words that a search goes by: those of an item, and those that somebody looks for.

use std::collections::BTreeSet;

/// The most characters of a word that count.
const LONGEST: usize = 40;

/// The words of a text in lower case, each once.
fn words(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut word = String::new();
    let mut length = 0;
    for character in text.chars().flat_map(char::to_lowercase) {
        let alone = is_word_alone(character);
        if (alone || !character.is_alphanumeric()) && length > 0 {
            found.insert(std::mem::take(&mut word));
            length = 0;
        }
        if alone {
            found.insert(character.to_string());
        } else if character.is_alphanumeric() && length < LONGEST {
            word.push(character);
            length += 1;
        }
    }
    if length > 0 {
        found.insert(word);
    }
    found
}

/// Scripts that put no space between words: Thai, Lao, Khmer, kana, and Han.
fn is_word_alone(character: char) -> bool {
    let range = matches!(character, '\u{e00}'..='\u{eff}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}');
    range && character.is_alphanumeric()
}

/// The words of an item as it keeps them: a space before each. Without any it is one space.
pub(crate) fn search_text(title: &str, description: &str) -> String {
    let mut text = String::new();
    for word in words(&format!("{title}\n{description}")) {
        text.push(' ');
        text.push_str(&word);
    }
    if text.is_empty() { " ".to_owned() } else { text }
}

/// What somebody looks for: items that have, for each of these, a word that begins with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted(BTreeSet<String>);

impl Wanted {
    pub(crate) fn of(query: &str) -> Self {
        Self(words(query))
    }

    /// Whether there is no word in it, which no item has.
    pub(crate) fn is_nothing(&self) -> bool {
        self.0.is_empty()
    }

    /// Each word behind what the index has before it, in a text of this form for each, joined. Words are letters and digits,
    /// and can't end a quotation.
    pub(crate) fn behind(&self, prefix: &str, form: impl Fn(&str) -> String, joined: &str) -> String {
        self.0.iter().map(|word| form(&format!("{prefix}{word}"))).collect::<Vec<_>>().join(joined)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_item_has_each_word_once_in_lower_case() {
        assert_eq!(search_text("Été à 100%", "The ÉTÉ-film, the 2nd"), " 100 2nd film the à été");
        assert_eq!(search_text("!?", ""), " ");
    }

    #[test]
    fn signs_of_scripts_without_spaces_are_words() {
        assert_eq!(search_text("東京の夜 live", ""), " live の 京 夜 東");
    }

    #[test]
    fn the_beginning_of_a_word_counts_however_long_it_is() {
        let long = "x".repeat(5_000);
        assert_eq!(search_text(&long, "").len(), 1 + LONGEST);
        assert_eq!(Wanted::of(&long), Wanted::of(&long[..LONGEST]));
    }

    proptest! {
        #[test]
        fn no_text_leaves_anything_but_letters_and_digits(text in ".{0,80}") {
            let kept = search_text(&text, "");
            prop_assert!(kept.starts_with(' '));
            prop_assert!(kept.chars().all(|character| character == ' ' || character.is_alphanumeric()), "{kept:?}");
        }

        #[test]
        fn every_word_of_a_text_is_found_in_it(text in "[a-zé東 .,'\"*]{0,40}") {
            let kept = search_text(&text, "");
            for word in Wanted::of(&text).0 {
                let spaced = format!(" {word}");
                prop_assert!(kept.contains(&spaced));
            }
        }
    }
}
