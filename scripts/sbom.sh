#!/bin/sh
# Writes what the program is made of to target/sbom/kiwoom-billing.cdx.json (CycloneDX): every crate
# that is compiled into it or takes part in the build, from which files of the program come too, with its
# version, licence and checksum. Installs the tool that does it when it is missing.
set -eu
cd "$(dirname "$0")/.."

VERSION=0.5.9
tools=$PWD/target/ci-tools
PATH=$PATH:$tools/bin

if ! command -v cargo-cyclonedx >/dev/null 2>&1; then
    # Unoptimized: it runs for a second.
    cargo install --quiet --locked --debug --root "$tools" "cargo-cyclonedx@$VERSION"
fi
# It follows Cargo.lock, which must be up to date for that.
cargo metadata --locked --format-version 1 >/dev/null
cargo cyclonedx --quiet --format json --spec-version 1.5 --describe crate
mkdir -p target/sbom
mv kiwoom-billing.cdx.json target/sbom/
# One is written for every package of the workspace.
rm -f crates/*/*.cdx.json tests/browser/*.cdx.json
echo target/sbom/kiwoom-billing.cdx.json
