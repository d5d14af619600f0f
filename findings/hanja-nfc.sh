#!/usr/bin/env bash
# Question: text is composed with Unicode's NFC before it is encoded in CP949 (somebody has to: a Mac
#     sends 한 as three letters). Does that change text that came out of CP949 itself?
# Usual guess: no. NFC composes, and CP949 has nothing but composed characters.
# What happens: KS X 1001 has 268 hanja twice, once for each way to read them. Unicode kept the second
#     ones as "compatibility ideographs", and NFC replaces them. The family names 金 and 李, typed as
#     Kim and Yi (D0 DD, EC B0), become their namesakes for geum and ri (D1 D1, D7 DD). They look the
#     same. Two hanja and the sign for ångström become characters that CP949 does not have: what came
#     from it cannot go back.
# Hurts: names that come back with other bytes than they went with: look-ups, signatures and hashes
#     over CP949 no longer fit, and a text in CP949 is refused for "a character that CP949 lacks".
# This project: text is kept as it came. For the gateway it is composed, but what CP949 has keeps its
#     own code point. Ids are compared in NFC.
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cargo init -q --name hanja .
cargo add -q encoding_rs@=0.8.44 unicode-normalization@=0.1.26

cat >src/main.rs <<'RS'
use encoding_rs::EUC_KR;
use unicode_normalization::UnicodeNormalization;

/// The bytes in CP949, `None` when it does not have the character.
fn cp949(text: &str) -> Option<String> {
    let (bytes, _, missing) = EUC_KR.encode(text);
    (!missing).then(|| bytes.iter().map(|byte| format!("{byte:02X}")).collect())
}

fn code(text: &str) -> String {
    text.chars().map(|c| format!("U+{:04X}", u32::from(c))).collect()
}

fn main() {
    let (mut moved, mut lost) = (0, Vec::new());
    for character in ('\u{80}'..='\u{FFFF}').map(String::from) {
        let composed: String = character.nfc().collect();
        match (cp949(&character), cp949(&composed)) {
            (Some(before), Some(after)) if before != after => moved += 1,
            (Some(_), None) => lost.push(code(&character)),
            _ => {}
        }
    }
    println!("changed by NFC: {moved} to other bytes, {} to none ({})", lost.len(), lost.join(" "));
    for (reading, typed) in [("Kim", [0xD0, 0xDD]), ("Yi", [0xEC, 0xB0])] {
        let name = EUC_KR.decode(&typed).0;
        let composed: String = name.nfc().collect();
        let (from, to) = (code(&name), code(&composed));
        let (before, after) = (cp949(&name).unwrap(), cp949(&composed).unwrap());
        println!("{reading}: {from} {before} -> {to} {after}");
    }
}
RS
cargo tree --depth 1 --prefix none | tail -n +2
cargo run -q | tee seen
diff seen - <<'EXPECTED' || { echo 'the behaviour has changed' >&2 && exit 1; }
changed by NFC: 267 to other bytes, 3 to none (U+212B U+F92C U+F9B8)
Kim: U+F90A D0DD -> U+91D1 D1D1
Yi: U+F9E1 ECB0 -> U+674E D7DD
EXPECTED
