-- As in 0050: what has changed is looked for once, and an id is taken from the row.
create or replace function record_event() returns trigger language plpgsql as $$
declare
    old_row jsonb;
    new_row jsonb;
    -- What the change has changed, as it was before.
    changed jsonb;
    quiet constant text[] := array['leased_by', 'leased_until', 'next_attempt_at', 'sender', 'sent_at',
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
    id uuid;
begin
    if tg_op <> 'INSERT' then
        old_row := to_jsonb(old);
        id := old.id;
    end if;
    if tg_op <> 'DELETE' then
        new_row := to_jsonb(new);
        id := new.id;
    end if;
    if tg_table_name = 'billing_keys' then
        -- The AUTOKEY is replaced, not removed: the row stays one that can be read.
        old_row := old_row || '{"autokey": "\\x"}';
        new_row := new_row || '{"autokey": "\\x"}';
    end if;
    if tg_op = 'UPDATE' then
        changed := (select jsonb_object_agg(key, value) from jsonb_each(old_row)
            where value is distinct from new_row->key);
        if changed is null or changed - quiet = '{}' then return null; end if;
        -- An erasure has an event of its own.
        if (new_row->>'customer_id' ~ '^erased_' or new_row->>'customer_name' is not distinct from '')
            and is_erasure(old_row, new_row)
        then return null; end if;
        -- The subscription of a first charge that failed is gone; the payment is as it was.
        if tg_table_name = 'payments' and changed - (quiet || 'subscription_id'::text) = '{}'
        then return null; end if;
    end if;
    case tg_table_name
        when 'payments' then
            kind := case coalesce(new_row, old_row)->>'kind' when 'checkout' then 'order' else 'payment' end;
            what := payment_event(old_row, new_row);
            subscription := (coalesce(new_row, old_row)->>'subscription_id')::uuid;
        when 'subscriptions' then
            kind := 'subscription';
            what := subscription_event(old_row, new_row);
            subscription := id;
        when 'refunds' then
            kind := 'refund';
            what := refund_event(old_row, new_row);
            payment := (coalesce(new_row, old_row)->>'payment_id')::uuid;
            select subscription_id into subscription from payments where payments.id = payment;
        when 'billing_keys' then
            kind := 'billing_key';
            what := billing_key_event(old_row, new_row);
    end case;
    if what is null then return null; end if;
    insert into events (id, type, object, object_id, subscription_id, stream, actor, request_id,
        reason, before, after, created_at)
    values (new_event_id(), kind || '.' || what, kind, id, subscription,
        coalesce(subscription, payment, id),
        coalesce(event_setting('actor'), 'scheduler'), event_setting('request'),
        coalesce(
            event_setting('reason'),
            nullif(new_row->>'resolve_reason', coalesce(old_row->>'resolve_reason', '')),
            nullif(new_row->>'cancel_reason', coalesce(old_row->>'cancel_reason', '')),
            nullif(new_row->>'reason', '')),
        coalesce(changed, old_row),
        -- Of a subscription all: its JSON may hold nulls of its own.
        case tg_table_name when 'subscriptions' then new_row else jsonb_strip_nulls(new_row) end,
        coalesce(event_setting('now')::timestamptz, now()));
    return null;
end $$;
-- 0012 says why.
do $$ begin
    execute format('alter function record_event() set search_path = %I, pg_temp', current_schema());
end $$;
