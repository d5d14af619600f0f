"""Runs what charge.sh describes."""

import argparse
import os

from charging import COUNT_NAMES, COUNTED, SPEED_NAMES, Charging
from stand import by_figure, folder_of_its_own, gateway_of, table


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--counts", action="store_true")
    parser.add_argument("--list", action="store_true", help="prints the statements of a charge too")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--port", type=int, default=3941)
    parser.add_argument("program")
    parser.add_argument("before", nargs="?")
    given = parser.parse_args()
    folder = folder_of_its_own()
    gateway, _ = gateway_of(given.program, given.port + 10, os.path.join(folder, "gateway"))
    sides = [Charging("AFTER", given.program, given.port, gateway, folder)]
    if given.before:
        sides.append(Charging("BEFORE", given.before, given.port + 2, gateway, folder))

    counted = {side.name: side.counts() for side in sides}
    counts = by_figure(COUNT_NAMES, {name: [counts] for name, (counts, _) in counted.items()})
    table("one charge, one caller", counts, counted)
    if given.list:
        for name, (_, statements) in counted.items():
            print(f"\n{name}: statements and their calls in {COUNTED} charges\n{statements}")
    if given.counts:
        return
    for callers in (8, 32):
        rows = {side.name: [] for side in sides}
        for _ in range(given.rounds):
            for side in sides:
                side.charge(callers, seconds=1)
                rows[side.name].append(side.measured(callers, given.seconds))
        title = f"{callers} callers, {given.rounds} rounds of {given.seconds} seconds"
        table(title, by_figure(SPEED_NAMES, rows), rows)


main()
