#!/bin/sh
# Cargo calls this in place of rustc (RUSTC_WRAPPER, see scripts/fuzz.sh). It lets libFuzzer see
# which way the service's own code goes, and leaves the dependencies as they are: those that were
# built for the tests serve here too. The flags are those of cargo-fuzz.
set -eu
rustc=$1
shift
case " $* " in
*' --crate-name kiwoom_billing '*)
    set -- "$@" -Cpasses=sancov-module \
        -Cllvm-args=-sanitizer-coverage-level=4 \
        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
        -Cllvm-args=-sanitizer-coverage-pc-table \
        -Cllvm-args=-sanitizer-coverage-trace-compares
    ;;
esac
exec "$rustc" "$@"
