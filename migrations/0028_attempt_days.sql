-- What became of the attempts of each past day, summed up, so that GET /billing/overview counts a year
-- at once. A sum is made when it is asked for, and made again when something of its day has changed.

create table attempt_days (
    day date constraint attempt_days_pkey primary key,
    approved bigint not null,
    approved_amount bigint not null,
    declined bigint not null,
    declined_amount bigint not null,
    refused bigint not null,
    unknown bigint not null,
    median_millis bigint,
    p95_millis bigint
);
comment on table attempt_days is
    'The attempts that were begun on each day in Korea of which a sum was made; amounts in won.';

create table attempt_day_declines (
    day date not null constraint attempt_day_declines_day_fkey
        references attempt_days (day) on delete cascade,
    code text not null,
    message text not null,
    count bigint not null,
    amount bigint not null,
    constraint attempt_day_declines_pkey primary key (day, code)
);
comment on table attempt_day_declines is 'Of the days of attempt_days: why cards were declined.';

create table attempt_day_retries (
    day date not null constraint attempt_day_retries_day_fkey
        references attempt_days (day) on delete cascade,
    retry bigint not null,
    tried bigint not null,
    approved bigint not null,
    amount bigint not null,
    constraint attempt_day_retries_pkey primary key (day, retry)
);
comment on table attempt_day_retries is
    'Of the days of attempt_days: first, second … retries of declined charges.';

create table attempt_days_changed (
    id bigint generated always as identity constraint attempt_days_changed_pkey primary key,
    day date not null
);
comment on table attempt_days_changed is
    'Days whose sums do not hold any more. A change adds a row and waits for nobody; who sums a day up
takes the rows that it sees away before it looks at the payments.';
create index attempt_days_changed_by_day on attempt_days_changed (day);

create function attempt_day_changed() returns trigger language plpgsql as $$
declare
    changed payments := case when tg_op = 'DELETE' then old else new end;
begin
    -- The other attempts at the same charge are counted from the first one on.
    insert into attempt_days_changed (day)
    select (changed.created_at at time zone 'Asia/Seoul')::date
    union
    select (created_at at time zone 'Asia/Seoul')::date from payments
    where subscription_id = changed.subscription_id and charge_no = changed.charge_no;
    return null;
end $$;

-- A day with an attempt that is ready or sending is not summed up, so what becomes of that one needs
-- no row. What is written later than a day after its own time may have been left out.
create trigger payments_attempt_day after update on payments
    for each row when (old.state not in ('ready', 'sending') and
        (old.state, old.merchant_setting, old.failure_code, old.failure_message, old.resolve_reason,
            old.settled_at)
        is distinct from
        (new.state, new.merchant_setting, new.failure_code, new.failure_message, new.resolve_reason,
            new.settled_at))
    execute function attempt_day_changed();
create trigger payments_attempt_day_of_removed after delete on payments
    for each row when (old.state not in ('ready', 'sending')) execute function attempt_day_changed();
create trigger payments_attempt_day_of_late after insert on payments
    for each row when (new.created_at < coalesce(event_setting('now')::timestamptz, now())
        - interval '1 day')
    execute function attempt_day_changed();

-- As in 0012: no temporary table is taken for one of the books.
do $$ begin
    execute format('alter function attempt_day_changed() set search_path = %I, pg_temp',
        current_schema());
end $$;
