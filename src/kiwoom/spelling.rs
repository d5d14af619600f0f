//! How a text is written on the wire: CP949 has Korean, kana, Greek, Cyrillic and 4,888 hanja, and a
//! name may be in any script (protocol section 1).

use std::iter;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::kiwoom::charset;

/// The letters of Hangul by themselves, in the order of their joining forms: initials from U+1100,
/// finals from U+11A8. The vowels have the same order in both blocks.
const INITIALS: &str = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ";
const FINALS: &str = "ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ";

/// The text as KiwoomPay can read it, in characters of CP949 and without `|`. What CP949 has stays
/// as it is; joining letters are composed; dashes, spaces and signs of money are written by their
/// nearest neighbour; accents are dropped; of what is left a letter or a digit becomes `?`, and
/// anything else is left out. Of a text that is not empty something remains: `?` at the least.
pub fn on_wire(text: &str) -> String {
    let spelled: String =
        composed(text).chars().map(|c| spell(c).unwrap_or_else(|| lost(c))).collect();
    if spelled.trim().is_empty() && !text.is_empty() { "?".to_owned() } else { spelled }
}

/// Whether any of its characters can be read there.
pub fn is_readable(text: &str) -> bool {
    // KS X 1001 has a letter and a hyphen that are not seen.
    let seen = |c: char| !c.is_whitespace() && !matches!(c, '\u{3164}' | '\u{ad}');
    composed(text).chars().filter_map(spell).any(|spelled| spelled.contains(seen))
}

/// A person's name on the wire; `None` when it is better left out, for nothing of it can be read.
pub fn name(name: &str) -> Option<String> {
    is_readable(name).then(|| on_wire(name))
}

/// An e-mail address on the wire; `None` when CP949 cannot say it: another one would be somebody
/// else's.
pub fn address(address: &str) -> Option<String> {
    Some(on_wire(address)).filter(|sent| sent == address)
}

/// In NFC, but for what CP949 has and NFC would replace: of the hanja that KS X 1001 has twice each
/// keeps its own code point.
fn composed(text: &str) -> String {
    let replaced = |c: char| !c.nfc().eq(iter::once(c)) && charset::has(c);
    let mut composed = String::with_capacity(text.len());
    for run in text.split_inclusive(replaced) {
        let last = run.chars().next_back().filter(|c| replaced(*c));
        let rest = last.map_or(run, |last| &run[..run.len() - last.len_utf8()]);
        composed.extend(rest.nfc().chain(last));
    }
    composed
}

/// The character in characters of CP949; `None` when it has nothing like it.
fn spell(c: char) -> Option<String> {
    known(c).or_else(|| {
        // The stroke makes the opposite of a sign.
        let accent = |part: char| is_combining_mark(part) && part != '\u{338}';
        let parts = c.nfkd().filter(|part| !accent(*part)).nfc();
        let spelled: String = parts.map(known).collect::<Option<_>>()?;
        Some(spelled).filter(|spelled| !spelled.is_empty())
    })
}

fn known(c: char) -> Option<String> {
    if charset::has(c) && c != '|' {
        return Some(c.to_string());
    }
    let letter = |letters: &str, first: u32| letters.chars().nth((u32::from(c) - first) as usize);
    let near = match c {
        '|' | '¦' => "｜",
        '₩' => "￦",
        '¥' => "￥",
        '£' => "￡",
        '¢' => "￠",
        '¬' => "￢",
        '¯' => "￣",
        '©' => "(c)",
        '\u{2010}'..='\u{2014}' | '⁃' | '−' | '⸺' | '⸻' => "-",
        '〜' | '〰' | '⁓' => "~",
        '⁄' | '∕' => "/",
        '•' | '‧' | '∙' | '⋅' | '・' => "·",
        '‚' | '‛' | 'ʹ' | 'ʻ' | 'ʼ' => "'",
        '„' | '‟' | '〝' | '〞' => "\"",
        '«' => "《",
        '»' => "》",
        '‹' => "〈",
        '›' => "〉",
        'Đ' => "D",
        'ẞ' => "SS",
        'ƒ' => "f",
        'ȷ' => "j",
        '\u{119e}' => "ㆍ",
        '\u{1100}'..='\u{1112}' => return letter(INITIALS, 0x1100).map(String::from),
        '\u{1161}'..='\u{1175}' => {
            return char::from_u32(u32::from(c) - 0x1161 + 0x314f).map(String::from);
        }
        '\u{11a8}'..='\u{11c2}' => return letter(FINALS, 0x11a8).map(String::from),
        space if space.is_whitespace() => " ",
        _ => return None,
    };
    Some(near.to_owned())
}

fn lost(c: char) -> String {
    if c.is_alphanumeric() && !is_combining_mark(c) { "?".to_owned() } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All characters of the first plane, and some of the others.
    fn characters() -> impl Iterator<Item = char> {
        ('\0'..='\u{ffff}')
            .chain('\u{1d400}'..='\u{1d7ff}')
            .chain('\u{1f000}'..='\u{1faff}')
            .chain('\u{20000}'..='\u{200ff}')
            .chain('\u{2f800}'..='\u{2fa1f}')
            .chain(['\u{e0001}', '\u{fffff}', '\u{10ffff}'])
    }

    #[test]
    fn every_character_is_written_in_cp949() {
        for c in characters() {
            let sent = on_wire(&format!("1{c}2"));
            let bytes = charset::encode(&sent).unwrap_or_else(|| panic!("{c:?} as {sent:?}"));
            assert_eq!(charset::decode(&bytes, Some("euc-kr")).as_deref(), Some(&*sent), "{c:?}");
            assert!(!sent.contains('|') && sent.starts_with('1') && sent.ends_with('2'), "{c:?}");
            assert_eq!(on_wire(&sent), sent, "{c:?}: sent again it is the same");
            let inner = &sent[1..sent.len() - 1];
            if charset::has(c) && c != '|' {
                assert_eq!(inner, c.to_string(), "what CP949 has stays as it is");
            }
            if c.is_alphanumeric() && !is_combining_mark(c) {
                assert!(!inner.is_empty(), "{c:?}: no letter is dropped without a trace");
            }
        }
    }

    #[test]
    fn what_cp949_has_is_sent_unchanged_beside_anything() {
        let all: String = characters().filter(|c| charset::has(*c) && *c != '|').collect();
        assert!(all.chars().count() > 17_000);
        assert_eq!(on_wire(&all), all);
        let reversed: String = all.chars().rev().collect();
        assert_eq!(on_wire(&reversed), reversed);
    }

    #[test]
    fn composed_and_decomposed_letters_are_written_the_same() {
        for c in characters().filter(|c| !charset::has(*c) || c.nfc().eq(iter::once(*c))) {
            let (apart, joined): (String, String) = (c.nfd().collect(), c.nfc().collect());
            assert_eq!(on_wire(&apart), on_wire(&joined), "{c:?}");
        }
    }

    #[test]
    fn names_and_products_as_people_write_them() {
        for (text, sent) in [
            ("José García", "Jose Garcia"),
            ("Jose\u{301}", "Jose"),
            ("Nguyễn Đình", "Nguyen Dinh"),
            ("Łukasz Żółć ß", "Łukasz Zołc ß"),
            ("İstanbul Ğış", "Istanbul Gıs"),
            ("张伟", "??"),
            ("王张", "王?"),
            ("\u{1112}\u{1169}\u{11bc}\u{1100}\u{1175}\u{11af}\u{1103}\u{1169}\u{11bc}", "홍길동"),
            ("\u{110f}\u{110f}\u{1161}", "ㅋ카"),
            ("\u{11ab}", "ㄴ"),
            ("\u{f90a}\u{91d1}", "\u{f90a}\u{91d1}"),
            ("\u{212b}", "\u{212b}"),
            ("₩9,900 월간", "￦9,900 월간"),
            ("월간\u{a0}구독 – 프리미엄—A", "월간 구독 - 프리미엄-A"),
            ("a|b", "a｜b"),
            ("구독 🎉", "구독 "),
            ("👩\u{200d}💻 개발자 1\u{fe0f}\u{20e3}", " 개발자 1"),
            ("½ ﬁ ⁵ ⅷ ≠ ≢", "½ fi 5 ⅷ ≠ "),
            ("ｱｲｽ", "アイス"),
            ("हिन्दी", "???"),
            ("🎉", "?"),
            ("", ""),
        ] {
            assert_eq!(on_wire(text), sent, "{text}");
        }
    }

    #[test]
    fn something_has_to_be_there_to_be_read() {
        for text in ["월", "?", "★", "José", "a🎉", "|", "€"] {
            assert!(is_readable(text), "{text}");
        }
        for text in ["🎉", "🎉 🎉", "张伟", "\u{200b}", "\u{3164}", "\u{301}", "\u{ad}", ""]
        {
            assert!(!is_readable(text), "{text:?}");
        }
    }
}
