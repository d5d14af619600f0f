-- The outcome of a charge that is as usual, with all that follows from it, in one statement: an approval of
-- a single charge that still is as it was intended, and whose transaction nobody told of. Whether its answer
-- was kept too, for a request that is still under way since `claimed`; null in all other cases, in which
-- nothing is changed.
create function approve_charge(charge uuid, acting text[], transaction text, auth text,
    approved timestamptz, settled timestamptz, claimed timestamptz, answer bytea)
returns boolean language plpgsql as $$
declare
    number text;
begin
    perform set_config('kiwoom.actor', acting[1], true), set_config('kiwoom.request', acting[2], true),
        set_config('kiwoom.traceparent', acting[3], true), set_config('kiwoom.now', acting[4], true);
    -- A cancellation that comes from now on waits for the row, and finds it paid.
    select order_no into number from payments
    where id = charge and state = 'sending' and subscription_id is null for no key update;
    if number is null
        or exists (select from payments where transaction_id = transaction)
        or exists (select from notifications n where n.verdict = 'waiting' and n.kind = 'cancellation'
            and (n.order_no = number or n.order_no is null and n.transaction_id = transaction))
    then return null; end if;
    update payments set state = 'approved', transaction_id = transaction, auth_number = auth,
        approved_at = approved, settled_at = settled
    where id = charge;
    update idempotency_keys set status = 200, body = answer
    where id = charge and started_at = claimed and status is null;
    return found;
end $$;
-- 0012 says why.
do $$ begin
    execute format('alter function approve_charge(uuid, text[], text, text, timestamptz, timestamptz,
        timestamptz, bytea) set search_path = %I, pg_temp', current_schema());
end $$;
