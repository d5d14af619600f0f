//! CP949 in and out, the only Korean encoding KiwoomPay speaks.
//!
//! The sandbox has its own copy on purpose: sharing the client's would let a mistake hide itself.

use encoding_rs::EUC_KR;

/// `text` as CP949 bytes; a character CP949 does not have becomes `?`.
pub fn encode(text: &str) -> Vec<u8> {
    let (bytes, _, unmappable) = EUC_KR.encode(text);
    if !unmappable {
        return bytes.into_owned();
    }
    // The encoder would write HTML entities, which no gateway ever sends.
    let mut replaced = Vec::with_capacity(text.len());
    for character in text.chars() {
        let mut buffer = [0; 4];
        match EUC_KR.encode(character.encode_utf8(&mut buffer)) {
            (_, _, true) => replaced.push(b'?'),
            (bytes, _, false) => replaced.extend_from_slice(&bytes),
        }
    }
    replaced
}

/// The text of CP949 bytes, or nothing when they are not CP949.
pub fn decode(bytes: &[u8]) -> Option<String> {
    let text = EUC_KR.decode_without_bom_handling_and_without_replacement(bytes)?;
    Some(text.into_owned())
}

/// How many bytes `text` takes on the wire: the unit of KiwoomPay's field limits.
pub fn byte_len(text: &str) -> usize {
    encode(text).len()
}

/// Whether the bytes are Korean text written as UTF-8.
///
/// Two-byte sequences say nothing, since a CP949 syllable can look like one; Hangul takes three
/// bytes in UTF-8 and is unmistakable.
pub fn is_utf8_korean(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| text.chars().any(is_hangul))
}

fn is_hangul(character: char) -> bool {
    matches!(character, '\u{1100}'..='\u{11FF}' | '\u{3130}'..='\u{318F}' | '\u{AC00}'..='\u{D7A3}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn korean_survives_and_the_unmappable_becomes_a_question_mark() {
        assert_eq!(encode("가"), [0xB0, 0xA1]);
        assert_eq!(decode(&encode("정기결제 똠방각하")).as_deref(), Some("정기결제 똠방각하"));
        assert_eq!(encode("커피☕️🎁 1"), [&encode("커피")[..], b"??? 1"].concat());
    }

    #[test]
    fn utf8_korean_is_told_from_cp949() {
        assert!(is_utf8_korean("정기결제".as_bytes()));
        assert!(!is_utf8_korean(&encode("정기결제")));
        // 커 is C4 BF in CP949, which is also valid UTF-8 for another character.
        assert!(!is_utf8_korean(&encode("커")));
        assert!(!is_utf8_korean(b"plain"));
    }
}
