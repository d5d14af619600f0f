-- The time-travel guard: which database the committed intents are known to be in.

create table database_identity (
    only_row boolean not null default true
        constraint database_identity_pkey primary key
        constraint database_identity_only_row_check check (only_row),
    system_identifier bigint not null,
    timeline text not null,
    confirmed_at timestamptz not null,
    reason text
);
comment on table database_identity is
    'One row: the server and timeline that scheduled charging is confirmed for. Another one means a
restore or a failover, in which committed intents may have been erased.';
comment on column database_identity.timeline is 'As in the names of WAL files: eight hexadecimal digits.';
comment on column database_identity.reason is 'The operator''s, when charging was resumed.';
