-- What tells a restored database from the one that it was, and whether scheduled charging may go on.

-- The tables that say what has been charged. `pg_restore --clean` makes each of them anew.
-- A migration that makes one of them anew ends with
--     update database_identity set tables = money_tables();
create function money_tables() returns text language sql stable as $$
    select string_agg(relname || ' ' || oid, ', ' order by relname) from pg_class
    where oid in ('billing_keys'::regclass, 'events'::regclass, 'payments'::regclass,
        'refunds'::regclass, 'subscriptions'::regclass)
$$;

alter table database_identity add column database_oid bigint, add column tables text;
comment on column database_identity.database_oid is
    'Another one: the database was dropped and created again.';
comment on column database_identity.tables is
    'Those of the money and their oids (money_tables). Other ones: they were dropped and restored.';
update database_identity set tables = money_tables(),
    database_oid = (select oid::bigint from pg_database where datname = current_database());

create table charging_pauses (
    paused_at timestamptz not null default clock_timestamp(),
    reason text not null
);
comment on table charging_pauses is
    'Append-only: `kiwoom-billing pause-charging`, and what a process found that had seen more than the
database holds. Scheduled charging is paused while the last pause is later than the last resumption.';

create table charging_resumptions (
    resumed_at timestamptz not null,
    reason text
);
comment on table charging_resumptions is
    'Append-only: `kiwoom-billing resume-charging`. What was seen or paused before it counts no more.';

-- The service adds pauses, and cannot take one back.
create index charging_pauses_last on charging_pauses (paused_at);
