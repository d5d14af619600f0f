#!/bin/sh
# Fails when a charge costs more than it may: what can be counted, with one caller, against the limits in counted.json
# (a value, and by which part of it a figure may be above). The statements that come with every charge; transactions,
# flushes of the WAL and its bytes, rows and bytes of the database, as charge.sh counts them; and the instructions that
# the service carries out, counted by callgrind without those of its start and less those of as many seconds without
# charges. The limit of instructions is for the debug build. Where valgrind (Debian package valgrind) is not installed
# they are not counted, and the output says so.
#
#   cargo build --locked && sh bench/counted.sh target/debug/kiwoom-billing
#   sh bench/counted.sh --set target/debug/kiwoom-billing     writes what is counted as the new values
#
# --only NAME,NAME counts some of them, --repeat 3 counts the instructions so many times. Needs what charge.sh needs.
set -eu
exec python3 -B "$(dirname "$0")/counted.py" "$@"
