#!/usr/bin/env bash
# Question: the sources of a commit are unpacked with git archive, built, replaced by those of another commit and built
#     again, with one target folder so that the dependencies are kept. Which sources is the second program made of?
# Usual guess: the second ones. Their content differs, and they were written a moment ago.
# What happens: the first ones, when the second commit is older than the first build: git archive gives each file the time
#     of its commit, tar keeps it, and cargo compares times and never contents. It says "Finished" and nothing else. With
#     tar -m, or in a checkout of git, which gives the present time, it is built anew.
# Hurts: whoever builds one commit after the other to compare them, to find the one that broke something, or to test that
#     tests fail. The figures are those of another program, and a mutant is found that was never built.
# This project: of the mutants of scripts/mutants.sh some held the change of the one before as well.
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
git init --quiet shop
cd shop
cargo init --quiet --name shop --vcs none
at() { # at TIME NAME: a commit of that time whose program prints NAME.
    echo "fn main() { println!(\"$2\"); }" >src/main.rs
    git add . && GIT_COMMITTER_DATE=$1 git -c user.name=x -c user.email=x@example.com commit --quiet --message "$2"
    git tag "$2"
}
at 2026-01-01T00:00:00Z first
at 2026-01-02T00:00:00Z second
cd ..

run() { # run COMMIT TAR'S OPTIONS
    rm -rf source && mkdir source
    git -C shop archive "$1" | tar -x "${@:2}" -C source
    (cd source && CARGO_TARGET_DIR=../target cargo run --quiet)
}

cargo --version
git --version
seen="first: $(run first)
second: $(run second)
second, with tar -m: $(run second -m)"
echo "$seen"
expected='first: first
second: first
second, with tar -m: second'
[ "$seen" = "$expected" ] || { echo "this has changed" >&2; exit 1; }
