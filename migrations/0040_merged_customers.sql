-- One person had two accounts: the cards and subscriptions of one become the other's. The service may
-- change whose they are in no other way. What was paid keeps the id that it was paid under.

create function merge_customers(one text, other text) returns jsonb
language plpgsql security definer as $$
declare
    keys bigint;
    subs bigint;
begin
    if one = other or one ~ '^erased_' or other ~ '^erased_' then
        raise exception 'not two customers';
    end if;
    -- As everywhere: subscriptions are locked before their cards.
    perform from subscriptions where customer_id = one order by id for update;
    update billing_keys set customer_id = other where customer_id = one;
    get diagnostics keys = row_count;
    update subscriptions set customer_id = other where customer_id = one;
    get diagnostics subs = row_count;
    return jsonb_build_object('billing_keys', keys, 'subscriptions', subs);
end $$;
revoke all on function merge_customers from public;
-- 0012 says why.
do $$ begin
    execute format('alter function merge_customers(text, text) set search_path = %I, pg_temp',
        current_schema());
end $$;
