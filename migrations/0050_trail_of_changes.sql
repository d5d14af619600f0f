-- The trail keeps of a change what was changed: before, the columns that are others afterwards, as they
-- were; after, mostly without what is null. Rows of before have all of both.
comment on column events.before is
    'What the change has changed, as it was before; of a row that is gone, all of it. Without the AUTOKEY.';
comment on column events.after is 'The row after, without the AUTOKEY.';

create or replace function record_event() returns trigger language plpgsql as $$
declare
    -- The AUTOKEY is replaced, not removed: the row stays one that can be read.
    secret jsonb := case tg_table_name when 'billing_keys' then '{"autokey": "\\x"}' else '{}' end;
    old_row jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) || secret end;
    new_row jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) || secret end;
    either jsonb := coalesce(new_row, old_row);
    changed text[];
    -- How the work is shared out, and what follows from another row's change or from the paid time.
    quiet text[] := array['leased_by', 'leased_until', 'next_attempt_at', 'sender', 'sent_at',
        'refunding_amount', 'confirmed_by', 'renewal_noticed', 'expiry_noticed', 'charge_no',
        'revision', 'begins', 'starts_on', 'first_period', 'trial_days', 'kept', 'undo',
        'undo_labels', 'next_segment', 'next_charge', 'canceled_on', 'period_kind', 'period_reason',
        'paid_through', 'next_charge_date', 'next_charge_start', 'next_charge_end',
        'next_charge_amount', 'next_charge_reason', 'rise_on', 'rise_amount', 'consent_from', 'consent_id',
        'credit',
        'credit_tax_free', 'carried', 'carried_tax_free', 'legacy_end', 'legacy_pause'];
    kind text;
    what text;
    subscription uuid;
    payment uuid;
begin
    if tg_op = 'UPDATE' then
        select coalesce(array_agg(key), '{}') into changed
        from jsonb_each(old_row) where value is distinct from new_row->key;
        if changed <@ quiet then return null; end if;
        -- An erasure has an event of its own.
        if (new_row->>'customer_id' ~ '^erased_' or new_row->>'customer_name' = '')
            and is_erasure(old_row, new_row)
        then return null; end if;
        -- The subscription of a first charge that failed is gone; the payment is as it was.
        if tg_table_name = 'payments' and changed <@ (quiet || 'subscription_id'::text)
        then return null; end if;
    end if;
    case tg_table_name
        when 'payments' then
            kind := case either->>'kind' when 'checkout' then 'order' else 'payment' end;
            what := payment_event(old_row, new_row);
            subscription := (either->>'subscription_id')::uuid;
        when 'subscriptions' then
            kind := 'subscription';
            what := subscription_event(old_row, new_row);
            subscription := (either->>'id')::uuid;
        when 'refunds' then
            kind := 'refund';
            what := refund_event(old_row, new_row);
            payment := (either->>'payment_id')::uuid;
            select subscription_id into subscription from payments where id = payment;
        when 'billing_keys' then
            kind := 'billing_key';
            what := billing_key_event(old_row, new_row);
    end case;
    if what is null then return null; end if;
    insert into events (id, type, object, object_id, subscription_id, stream, actor, request_id,
        reason, before, after, created_at)
    values (new_event_id(), kind || '.' || what, kind, (either->>'id')::uuid, subscription,
        coalesce(subscription, payment, (either->>'id')::uuid),
        coalesce(event_setting('actor'), 'scheduler'), event_setting('request'),
        coalesce(
            event_setting('reason'),
            nullif(new_row->>'resolve_reason', coalesce(old_row->>'resolve_reason', '')),
            nullif(new_row->>'cancel_reason', coalesce(old_row->>'cancel_reason', '')),
            nullif(new_row->>'reason', '')),
        case when changed is null then old_row else
            (select jsonb_object_agg(key, value) from jsonb_each(old_row) where key = any(changed)) end,
        -- Of a subscription all: its JSON may hold nulls of its own.
        case tg_table_name when 'subscriptions' then new_row else jsonb_strip_nulls(new_row) end,
        coalesce(event_setting('now')::timestamptz, now()));
    return null;
end $$;
-- 0012 says why.
do $$ begin
    execute format('alter function record_event() set search_path = %I, pg_temp', current_schema());
end $$;
