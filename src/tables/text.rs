//! Bytes as text, in the charsets that spreadsheets write.

use std::borrow::Cow;

use encoding_rs::{EUC_KR, Encoding};

use super::TableError;

/// The text, and what its charset is called: what a byte order mark says, else UTF-8 where it is that,
/// else CP949.
pub fn decode(bytes: Vec<u8>) -> Result<(String, &'static str), TableError> {
    if let Some((encoding, mark)) = Encoding::for_bom(&bytes) {
        return strict(encoding, &bytes[mark..]).map(|text| (text, encoding.name()));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok((text, "UTF-8")),
        Err(error) => strict(EUC_KR, error.as_bytes()).map(|text| (text, "CP949")),
    }
}

fn strict(encoding: &'static Encoding, bytes: &[u8]) -> Result<String, TableError> {
    let text = encoding.decode_without_bom_handling_and_without_replacement(bytes);
    text.map(Cow::into_owned).ok_or(TableError::Charset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_charset_of_a_spreadsheet_is_read_and_named() {
        let (cp949, ..) = EUC_KR.encode("고객명,똠방");
        let utf16: Vec<u8> =
            "\u{feff}고객명,똠방".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for (bytes, name) in [
            ("고객명,똠방".as_bytes(), "UTF-8"),
            ("\u{feff}고객명,똠방".as_bytes(), "UTF-8"),
            (&cp949, "CP949"),
            (&utf16, "UTF-16LE"),
        ] {
            let read = decode(bytes.to_vec()).unwrap();
            assert_eq!(read, ("고객명,똠방".to_owned(), name));
        }
        assert!(matches!(decode(b"\xff\xff".to_vec()), Err(TableError::Charset)));
    }
}
