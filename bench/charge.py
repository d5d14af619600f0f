"""Runs what charge.sh describes."""

import argparse
import asyncio
import os
import statistics
import time

from stand import Side, folder_of_its_own, gateway_of, table

COUNTED = 300
WARM_UP = 60
# An idle connection of PostgreSQL adds its figures to the others' after ten seconds at most.
IDLE_SECS = 11
COUNTS = """
    select (select coalesce(sum(calls), 0) from pg_stat_statements where query not like '%pg_stat%'
            and dbid = (select oid from pg_database where datname = current_database())),
        xact_commit, wal_sync, pg_current_wal_insert_lsn() - '0/0', tup_inserted + tup_updated + tup_deleted,
        pg_database_size(current_database())
    from pg_stat_database, pg_stat_wal where datname = current_database()"""
NAMES = ["statements", "transactions", "flushes of the WAL", "WAL bytes", "rows written",
         "database bytes"]


class Charging(Side):
    """A side that charges one card."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.start()
        self.card = self.register()

    def charge(self, callers, seconds=None, count=None):
        """The times of all charges in seconds, and how long they took together."""
        times, started = [], time.monotonic()
        left = iter(range(count)) if count else None

        def on():
            return next(left, None) is not None if count else time.monotonic() < started + seconds

        async def together():
            await asyncio.gather(*(self.caller(self.card, 9900, on, times) for _ in range(callers)))

        asyncio.run(together())
        return times, time.monotonic() - started

    def counts(self):
        """What one charge counts, in the order of NAMES, and its statements."""
        # The first change of a page after a checkpoint writes all of it.
        self.sql("checkpoint")
        self.charge(1, count=WARM_UP)
        self.ask("/events?limit=1")
        time.sleep(IDLE_SECS)
        self.sql("select pg_stat_statements_reset()")
        before = [float(number) for number in self.sql(COUNTS).split()[1:]]
        self.charge(1, count=COUNTED)
        self.ask("/events?limit=1")
        time.sleep(IDLE_SECS)
        statements, *after = [float(number) for number in self.sql(COUNTS).split()]
        rest = [(now - then) / COUNTED for now, then in zip(after, before)]
        listed = self.sql(f"select calls::numeric(9, 0) || '  ' || left(regexp_replace(query, '\\s+', ' ', 'g'),"
                          f" 100) from pg_stat_statements where calls >= {COUNTED} / 4 order by calls desc")
        return [statements / COUNTED, *rest], listed

    def measured(self, callers, seconds):
        """Charges a second, p50 and p99 in milliseconds, CPU of service and PostgreSQL a charge in ms."""
        before = self.cpu()
        times, took = self.charge(callers, seconds=seconds)
        service, postgres = (now - then for now, then in zip(self.cpu(), before))
        cuts = statistics.quantiles(times, n=100)
        return [len(times) / took, cuts[49] * 1000, cuts[98] * 1000,
                service / len(times) * 1000, postgres / len(times) * 1000]


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
    gateway = gateway_of(given.program, given.port + 10, os.path.join(folder, "gateway"))
    sides = [Charging("AFTER", given.program, given.port, gateway, folder)]
    if given.before:
        sides.insert(0, Charging("BEFORE", given.before, given.port + 2, gateway, folder))

    counted = {side.name: side.counts() for side in sides}
    table("one charge, one caller", NAMES, {name: [counts] for name, (counts, _) in counted.items()})
    if given.list:
        for name, (_, statements) in counted.items():
            print(f"\n{name}: statements and their calls in {COUNTED} charges\n{statements}")
    if given.counts:
        return
    names = ["charges a second", "p50 ms", "p99 ms", "CPU ms: service", "CPU ms: PostgreSQL"]
    for callers in (8, 32):
        rows = {side.name: [] for side in sides}
        for _ in range(given.rounds):
            for side in sides:
                side.charge(callers, seconds=1)
                rows[side.name].append(side.measured(callers, given.seconds))
        table(f"{callers} callers, {given.rounds} rounds of {given.seconds} seconds", names, rows)


main()
