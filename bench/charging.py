"""Sides that charge one card, and what a charge costs them."""

import time

from client import load
from stand import Side

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
COUNT_NAMES = ["statements", "transactions", "flushes of the WAL", "WAL bytes", "rows written",
               "database bytes"]
SPEED_NAMES = ["charges a second", "p50 ms", "p99 ms", "CPU ms: service", "CPU ms: PostgreSQL"]


class Charging(Side):
    """A side that charges one card."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.start()
        self.card = self.register()

    def charge(self, callers, seconds=None, count=None, rate=None):
        """So many charges, or as many as there are in so many seconds."""
        charges = self.charges(self.card, 9900)
        if count:
            return load(self.port, callers, (next(charges) for _ in range(count)), rate=rate)
        end = time.monotonic() + seconds
        return load(self.port, callers, charges, lambda: time.monotonic() < end, rate)

    def settle(self):
        """Until the events of all charges are published, and their figures are in the statistics."""
        self.ask("/events?limit=1")
        time.sleep(IDLE_SECS)

    def counts(self):
        """What one charge counts, in the order of COUNT_NAMES, and its statements."""
        # The first change of a page after a checkpoint writes all of it.
        self.sql("checkpoint")
        self.charge(1, count=WARM_UP)
        self.settle()
        self.sql("select pg_stat_statements_reset()")
        before = [float(number) for number in self.sql(COUNTS).split()[1:]]
        self.charge(1, count=COUNTED)
        self.settle()
        statements, *after = [float(number) for number in self.sql(COUNTS).split()]
        rest = [(now - then) / COUNTED for now, then in zip(after, before)]
        listed = self.sql(f"select calls::numeric(9, 0) || '  ' || left(regexp_replace(query, '\\s+', ' ', 'g'),"
                          f" 100) from pg_stat_statements where calls >= {COUNTED} / 4 order by calls desc")
        return [statements / COUNTED, *rest], listed

    def measured(self, callers, seconds, rate=None):
        """The figures of SPEED_NAMES."""
        before = self.cpu()
        done = self.charge(callers, seconds=seconds, rate=rate)
        service, postgres = (now - then for now, then in zip(self.cpu(), before))
        each = 1000 / len(done.times)
        return [done.rate, done.milliseconds(50), done.milliseconds(99), service * each, postgres * each]
