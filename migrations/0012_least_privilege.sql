-- What holds when the service runs as a role of its own, which owns nothing (`migrate --grant-to`).

-- Tables are looked for in pg_temp first, unless it is named: a temporary table called events would
-- take the trail's rows. A later `create or replace` of the function has to say this again.
do $$ begin
    execute format('alter function record_event() set search_path = %I, pg_temp', current_schema());
end $$;

create function refuse() returns trigger language plpgsql as $$
begin
    raise exception '%', tg_argv[0];
end $$;

-- An intent for which nothing was sent is taken back, and a first charge that failed leaves no
-- subscription; no other row of the books goes.
create trigger payments_are_kept before delete on payments
    for each row when (old.state not in ('sending', 'unknown'))
    execute function refuse('payments are kept');
create trigger refunds_are_kept before delete on refunds
    for each row when (old.state not in ('sending', 'unknown'))
    execute function refuse('refunds are kept');
create trigger subscriptions_are_kept before delete on subscriptions
    for each row when (old.status <> 'incomplete')
    execute function refuse('subscriptions are kept');

-- What was agreed stays: only an order that is not paid may be opened again on other terms. This
-- looks at statements that name these columns, which are those that open orders.
create trigger payments_terms_are_kept
    before update of tax_free_amount, product_name, customer_id, customer_name, customer_email,
        expires_at
    on payments for each row
    when (old.kind <> 'checkout' or old.state not in ('ready', 'expired', 'declined'))
    execute function refuse('the terms of a payment are kept');

-- The service writes notices into the trail by itself; of changes only the trigger tells.
create trigger events_tell_of_changes before insert on events
    for each row when (new.notice is null and pg_trigger_depth() = 0)
    execute function refuse('events tell of changes, and are written by them');
