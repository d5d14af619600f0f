#!/bin/sh
# Proves that `simulate` can fail: builds the service with one money rule broken at a time, runs the
# simulation, and expects the verdict to find it. A check that cannot fail proves nothing. The service as it
# is goes first, and has to pass.
#
#   scripts/mutants.sh           build and run all of tests/mutants: some minutes for each
#   scripts/mutants.sh NAME …    only these
#   scripts/mutants.sh --check   only whether each patch still fits the sources (part of CI)
set -eu
cd "$(dirname "$0")/.."
dir=$PWD/target/mutants

fits() {
    git -c safe.directory='*' apply --check "$1" ||
        { echo "$1 does not fit the sources any more: make it anew"; return 1; }
}

# survives NAME: builds the mutant, or the service as it is, and runs it. Succeeds when the verdict found nothing.
survives() {
    rm -rf "$dir/source"
    mkdir -p "$dir/source"
    # All files are of now: with the time of the commit cargo takes what was built of the mutant before.
    git -c safe.directory='*' archive HEAD | tar -x -m -C "$dir/source"
    [ "$1" = unbroken ] ||
        git -c safe.directory='*' apply --directory=target/mutants/source "tests/mutants/$1.patch"
    (cd "$dir/source" && CARGO_TARGET_DIR=$dir/build \
        cargo build --locked --quiet --package kiwoom-billing --package kiwoom-proofs)
    "$dir/build/debug/kiwoom-proofs" simulate --subs 60 --months 3 --kill 40 --seed 7 \
        >"$dir/$1.log" 2>&1
}

check=
if [ "${1:-}" = --check ]; then
    check=1
    shift
fi
if [ $# -eq 0 ]; then
    set -- $(basename -s .patch tests/mutants/*.patch)
fi

failed=0
if [ -z "$check" ] && ! survives unbroken; then
    echo "the service as it is does not pass, see $dir/unbroken.log"
    exit 1
fi
for name in "$@"; do
    patch=tests/mutants/$name.patch
    if ! fits "$patch"; then
        failed=1
    elif [ "$check" ]; then
        echo "$name: the patch fits"
    elif survives "$name"; then
        echo "$name: NOT FOUND by the verdict, see $dir/$name.log"
        failed=1
    elif grep -q '^verdict: VIOLATIONS' "$dir/$name.log"; then
        echo "$name: found"
        sed -n '/^  charged twice/,/^verdict/p' "$dir/$name.log" | grep -vE ' 0$'
    else
        echo "$name: no verdict, see $dir/$name.log"
        failed=1
    fi
done
exit "$failed"
