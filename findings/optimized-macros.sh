#!/usr/bin/env bash
# Question: [profile.dev.package."*"] opt-level = 1 makes the dependencies of a development build fast. Does
#     [profile.dev.build-override] opt-level = 0 keep procedural macros, what they are made of, and build scripts out of it?
# Usual guess: yes. It is what build-override is there for, 0 is its default anyway, and a macro is no part of the program.
# What happens: "*" names them too, and it comes before build-override: syn, quote and each build script are optimized, and
#     the section that says otherwise has no effect. Only their own names, one by one, come before "*".
# Hurts: whoever takes the well-known three lines for faster tests or games. The first build of everything pays for the
#     optimization of code that runs for milliseconds, and so does each build in CI without a cache.
# This project: its dependencies were optimized by "*". Named one by one, those that matter, a build from nothing takes
#     0.6 times the CPU.
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
mkdir src
echo 'fn main() {}' >src/main.rs
cat >package.toml <<'TOML'
[package]
name = "shop"
version = "0.1.0"
edition = "2021"

[dependencies]
serde = { version = "=1.0.228", features = ["derive"] }
syn = "=2.0.119"
quote = "=1.0.47"
proc-macro2 = "=1.0.107"

[profile.dev.build-override]
opt-level = 0

TOML

# optimized SECTION…: which of the macro, its parts and a build script are compiled with an opt-level above 0.
optimized() {
    rm -rf target
    { cat package.toml; printf '%s\n' "$@"; } >Cargo.toml
    cargo build --verbose 2>&1 |
        sed -nE 's/.*Running.* --crate-name ([a-z0-9_]+) .*opt-level=[1-3].*/\1/p' |
        grep -E '^(serde_derive|syn|quote|proc_macro2|build_script_build)$' | sort -u | paste -sd' '
}

cargo --version
seen="with build-override alone: $(optimized)
with \"*\" as well: $(optimized '[profile.dev.package."*"]' 'opt-level = 1')
with syn by its name: $(optimized '[profile.dev.package."*"]' 'opt-level = 1' '[profile.dev.package.syn]' 'opt-level = 0')"
echo "$seen"
expected='with build-override alone: 
with "*" as well: build_script_build proc_macro2 quote serde_derive syn
with syn by its name: build_script_build proc_macro2 quote serde_derive'
[ "$seen" = "$expected" ] || { echo "this has changed" >&2; exit 1; }
