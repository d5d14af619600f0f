//! CP949, which KiwoomPay calls EUC-KR, both ways (protocol section 1).

use encoding_rs::{EUC_KR, Encoding, UTF_8};

use crate::rules::characters::BYTE_ORDER_MARK;

/// `text` as CP949 bytes; `None` when it has a character that CP949 does not have, such as an emoji.
pub fn encode(text: &str) -> Option<Vec<u8>> {
    let (bytes, _, replaced) = EUC_KR.encode(text);
    (!replaced).then(|| bytes.into_owned())
}

/// Whether CP949 has the character.
pub fn has(c: char) -> bool {
    encode(c.encode_utf8(&mut [0; 4])).is_some()
}

/// Length of `text` in CP949 bytes; `None` as in [`encode`].
pub fn encoded_len(text: &str) -> Option<usize> {
    encode(text).map(|bytes| bytes.len())
}

/// Decodes an answer: as UTF-8 after a byte order mark, else by the charset its header named, else
/// strict UTF-8, else CP949. `None` when the bytes are not text in that charset.
pub fn decode(bytes: &[u8], charset: Option<&str>) -> Option<String> {
    if let Some(text) = bytes.strip_prefix(BYTE_ORDER_MARK) {
        return String::from_utf8(text.to_vec()).ok();
    }
    let strictly = |encoding: &'static Encoding| {
        encoding.decode_without_bom_handling_and_without_replacement(bytes)
    };
    let text = match charset {
        Some(label) => strictly(Encoding::for_label(label.as_bytes())?)?,
        None => strictly(UTF_8).or_else(|| strictly(EUC_KR))?,
    };
    Some(text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn korean_travels_as_cp949() {
        let bytes = encode("월간 구독").unwrap();
        assert_eq!(bytes, b"\xbf\xf9\xb0\xa3 \xb1\xb8\xb5\xb6");
        assert_eq!(decode(&bytes, None).as_deref(), Some("월간 구독"));
        assert_eq!(decode(&bytes, Some("euc-kr")).as_deref(), Some("월간 구독"));
        assert_eq!(decode(&bytes, Some("utf-8")), None);
        assert_eq!(encode("똠방각하").unwrap().len(), 8, "beyond KS X 1001, in CP949");
    }

    #[test]
    fn an_emoji_is_not_in_it() {
        assert_eq!(encode("구독 🎉"), None);
        assert!(has('똠') && !has('🎉') && !has('é'));
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_text() {
        for charset in [None, Some("utf-8"), Some("euc-kr")] {
            assert_eq!(decode("\u{feff}{}".as_bytes(), charset).as_deref(), Some("{}"));
        }
    }
}
