"""Instructions of a charge, counted by callgrind."""

import glob
import os
import subprocess
import time

CHARGES = 200
WARM_UP = 40


class Callgrind:
    """A side's service, started under callgrind. Nothing of its start is counted."""

    def __init__(self, side):
        self.side, self.out, self.took = side, os.path.join(side.dir, "callgrind.out"), 0
        side.stop()
        command, side.command = side.command, [
            "valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={self.out}", *side.command]
        # One thread of the runtime: which thread finds what to do is chance.
        side.start(TOKIO_WORKER_THREADS="1")
        side.command = command
        self.control("--instr=on")
        side.charge(1, count=WARM_UP)

    def control(self, what):
        subprocess.run(["callgrind_control", what, str(self.side.services[0].pid)], check=True, capture_output=True,
                       timeout=60, env={"PATH": os.environ["PATH"]})

    def counted(self, work):
        """The instructions while `work` is done."""
        earlier = set(glob.glob(f"{self.out}.*"))
        self.control("--zero")
        work()
        self.control("--dump")
        (dump,) = set(glob.glob(f"{self.out}.*")) - earlier
        with open(dump, encoding="utf-8", errors="replace") as lines:
            return sum(int(line.split()[1]) for line in lines if line.startswith("totals:"))

    def of_a_charge(self):
        charging = self.counted(self.charge)
        resting = self.counted(lambda: time.sleep(self.took))
        return (charging - resting) / CHARGES

    def charge(self):
        self.took = self.side.charge(1, count=CHARGES).took
