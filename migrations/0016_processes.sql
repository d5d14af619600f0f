-- Which processes are alive. A process holds the advisory lock of its number; a lock can be missing
-- for some seconds though the process is alive, so each says every two seconds that it is.

create table processes (
    number integer not null constraint processes_pkey primary key,
    id uuid not null constraint processes_id_key unique,
    seen_at timestamptz not null default now(),
    ended_at timestamptz
);
comment on column processes.number is 'From the sequence instance_number.';
comment on column processes.id is 'The name of its file in DATA_DIR/processes, which it keeps locked.';
comment on column processes.ended_at is
    'It said so itself, or another process on its machine found its file unlocked: no call of it can
begin any more.';
