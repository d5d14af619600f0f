"""The floor: pgbench with the two commits of a charge alone, on a PostgreSQL like the others'."""

import os
import re
import subprocess

from stand import Database, postgres_programs, tree

HERE = os.path.dirname(os.path.realpath(__file__))


class Floor(Database):
    def __init__(self, name, port, folder):
        super().__init__(name, port, folder)
        for rows in ("intents", "outcomes"):
            self.sql(f"create table {rows} (id uuid primary key default gen_random_uuid(),"
                     " at timestamptz not null default now(), body text not null)")

    def measured(self, callers, seconds):
        """Charges a second, and milliseconds of PostgreSQL's CPU for one."""
        before = tree(self.postgres.pid)
        command = [f"{postgres_programs()}/pgbench", "-n", "-M", "prepared", "-c", str(callers), "-j", "2",
                   "-T", str(seconds), "-f", os.path.join(HERE, "floor.sql"), self.url]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        count = int(re.search(r"actually processed: (\d+)", done.stdout)[1])
        rate = float(re.search(r"tps = ([\d.]+)", done.stdout)[1])
        return rate, (tree(self.postgres.pid) - before) / count * 1000
