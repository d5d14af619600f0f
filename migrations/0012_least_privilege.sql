-- What holds when the service runs as a role of its own, which owns nothing (`migrate --grant-to`).

-- Tables are looked for in pg_temp first, unless it is named: a temporary table called events would
-- take the trail's rows. A later `create or replace` of the function has to say this again.
do $$ begin
    execute format('alter function record_event() set search_path = %I, pg_temp', current_schema());
end $$;

-- An intent for which nothing was sent is taken back, and a first charge that failed leaves no
-- subscription; no other row of the books goes.
create function keep_books() returns trigger language plpgsql as $$
begin
    raise exception '% are kept', tg_table_name;
end $$;
create trigger payments_are_kept before delete on payments
    for each row when (old.state not in ('sending', 'unknown')) execute function keep_books();
create trigger refunds_are_kept before delete on refunds
    for each row when (old.state not in ('sending', 'unknown')) execute function keep_books();
create trigger subscriptions_are_kept before delete on subscriptions
    for each row when (old.status <> 'incomplete') execute function keep_books();
