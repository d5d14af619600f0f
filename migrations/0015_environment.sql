-- The books belong to one environment: a service with other settings is refused.

create table environment (
    only_row boolean not null default true
        constraint environment_pkey primary key
        constraint environment_only_row_check check (only_row),
    name text not null constraint environment_name_check
        check (name in ('sandbox', 'development', 'production')),
    gateway_host text not null,
    cpids text[] not null,
    adopted_at timestamptz not null default now(),
    reason text
);
comment on table environment is
    'One row, written by the first start; changed by `kiwoom-billing adopt`.';
comment on column environment.name is
    'sandbox; development: KiwoomPay''s test host; production: real money.';
comment on column environment.gateway_host is 'A sandbox is one host, whatever its port: sandbox.';
comment on column environment.cpids is 'The merchant ids (CPID) that may charge from these books.';
comment on column environment.reason is 'The operator''s, of the last change.';
