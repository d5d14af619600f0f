//! Characters as people and their machines write them.

use unicode_normalization::UnicodeNormalization;

use crate::rules::text::Text;

/// U+FEFF in UTF-8, which some programs put before a text.
pub const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// An id as it is kept and compared: composed (NFC), without spaces at its ends. A Mac sends 한 as
/// three letters, and two ids that look the same are one.
pub fn normal_id(text: &str) -> String {
    text.trim().nfc().collect()
}

/// How many characters a text has, composed (NFC).
pub fn composed_len(text: &str) -> usize {
    text.nfc().count()
}

/// Refuses a text for its first character that is `wrong`: the reason with that character, its code
/// point and its place, counted from 1.
pub fn refuse(text: &str, wrong: impl Fn(char) -> bool, reason: Text) -> Result<(), Text> {
    let Some((place, c)) = (1..).zip(text.chars()).find(|(_, c)| wrong(*c)) else { return Ok(()) };
    let (shown, code) = (c.escape_debug(), u32::from(c));
    Err(Text {
        ko: reason.ko + &format!(" {place}번째 문자: '{shown}'(U+{code:04X})"),
        en: reason.en + &format!(" Character {place}: '{shown}' (U+{code:04X})"),
    })
}

/// Why a text is refused for a control character.
pub fn no_control() -> Text {
    Text::new("제어 문자를 사용할 수 없습니다.", "May not contain control characters.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_look_the_same_are_the_same() {
        for (sent, kept) in [
            ("홍길동", "홍길동"),
            ("\u{1112}\u{1169}\u{11bc}", "홍"),
            ("\u{a0}user 1\u{3000} ", "user 1"),
            ("e\u{301}", "é"),
            ("\u{f90a}", "金"),
        ] {
            assert_eq!(normal_id(sent), kept, "{sent:?}");
        }
    }

    #[test]
    fn the_first_wrong_character_is_named() {
        let refused = |text| {
            let reason = Text::new("안 됩니다.", "No.");
            refuse(text, |c| c.is_control() || c == '🎉', reason).map_err(|text| text.en)
        };
        assert_eq!(refused("가나"), Ok(()));
        assert_eq!(refused("가\n\0"), Err("No. Character 2: '\\n' (U+000A)".to_owned()));
        assert_eq!(refused("🎉"), Err("No. Character 1: '🎉' (U+1F389)".to_owned()));
        assert_eq!(
            refused("\u{1112}\u{1169}\u{7f}"),
            Err("No. Character 3: '\\u{7f}' (U+007F)".into())
        );
    }
}
