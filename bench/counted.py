"""Runs what counted.sh describes."""

import argparse
import json
import os
import shutil
import subprocess
import sys

from charging import COUNT_NAMES, COUNTED, Charging
from instructions import Callgrind
from stand import folder_of_its_own, gateway_of

HERE = os.path.dirname(os.path.realpath(__file__))
LIMITS = os.path.join(HERE, "counted.json")
INSTRUCTIONS = "instructions"
# Those that come with every charge: how often the service looks for work meanwhile depends on the machine.
OWN = "statements of its own"
OWN_CALLS = f"select sum(calls) from pg_stat_statements where calls >= {COUNTED} / 2"


def counted(side, wanted, repeat):
    """Each figure's name and value."""
    if wanted & {OWN, *COUNT_NAMES}:
        counts, _ = side.counts()
        if OWN in wanted:
            yield OWN, float(side.sql(OWN_CALLS)) / COUNTED
        yield from ((name, value) for name, value in zip(COUNT_NAMES, counts) if name in wanted)
    if INSTRUCTIONS not in wanted:
        return
    if not shutil.which("valgrind"):
        print(f"{INSTRUCTIONS}: SKIPPED, valgrind is not installed")
        return
    try:
        callgrind = Callgrind(side)
    except subprocess.SubprocessError as error:
        print(f"{INSTRUCTIONS}: SKIPPED, callgrind cannot be controlled here: {error}")
        return
    for _ in range(repeat):
        yield INSTRUCTIONS, callgrind.of_a_charge()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--set", action="store_true")
    parser.add_argument("--only")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--port", type=int, default=4011)
    parser.add_argument("program")
    given = parser.parse_args()
    with open(LIMITS, encoding="utf-8") as file:
        limits = json.load(file)
    wanted = set(given.only.split(",")) if given.only else set(limits)
    if unknown := wanted - set(limits):
        parser.error(f"not in counted.json: {', '.join(unknown)}")
    folder = folder_of_its_own()
    gateway, _ = gateway_of(given.program, given.port + 2, os.path.join(folder, "gateway"))
    side = Charging("counted", given.program, given.port, gateway, folder)
    above = []
    for name, value in counted(side, wanted, given.repeat):
        limit = limits[name]["value"] * (1 + limits[name]["margin"])
        print(f"{name:<22} {value:12,.1f}   limit {limit:12,.1f}", flush=True)
        if given.set:
            limits[name]["value"] = round(value, 1)
        elif value > limit:
            above.append(f"{name}: {value:,.1f} a charge, the limit is {limit:,.1f}")
    if given.set:
        with open(LIMITS, "w", encoding="utf-8") as file:
            lines = (f"  {json.dumps(name)}: {json.dumps(limit)}" for name, limit in limits.items())
            file.write("{\n" + ",\n".join(lines) + "\n}\n")
    if above:
        sys.exit("A charge costs more than it may:\n  " + "\n  ".join(above)
                 + "\nIf it has to, say why in the commit that sets the new values:\n"
                 + f"  sh bench/counted.sh --set {given.program}")


main()
