-- Cards that were ended for good, and attempts that KiwoomPay refused because of the merchant's set-up.

alter table billing_keys
    add column inactive_at timestamptz,
    add column inactive_code text,
    add column inactive_message text;
comment on column billing_keys.inactive_at is
    'When a charge was refused in a way that ends the card for good; null once it is activated again.';
comment on column billing_keys.inactive_code is 'RESULTCODE of that refusal.';

alter table payments add column merchant_setting text;
comment on column payments.merchant_setting is
    'Of an attempt that KiwoomPay refused because of the merchant''s set-up: what has to be mended. Its
state is declined, as nothing was taken; the customer''s card was not asked.';

create or replace function payment_event(old jsonb, new jsonb) returns text
language plpgsql immutable as $$
declare
    is_order boolean := coalesce(new, old)->>'kind' = 'checkout';
    refunded boolean := (new->>'refunded_amount')::bigint > (old->>'refunded_amount')::bigint;
    rest bigint := (new->>'amount')::bigint - (new->>'refunded_amount')::bigint;
    state text := new->>'state';
begin
    return case
        when new is null then 'not_sent'
        when old is null and new->>'kind' = 'unexpected' then 'unexpected'
        when old is null then 'created'
        when state <> old->>'state' then case
            when state = 'declined' and new->>'merchant_setting' is not null then 'refused'
            when not is_order then state
            when state = 'approved' then 'paid'
            when state = 'declined' then 'failed'
            when state = 'ready' then 'reopened'
            else state end
        when refunded and is_order and rest = 0 then 'canceled'
        when refunded and is_order then 'partially_canceled'
        when refunded and rest = 0 then 'refunded'
        when refunded then 'partially_refunded'
        else 'updated'
    end;
end $$;

create or replace function billing_key_event(old jsonb, new jsonb) returns text
language sql immutable as $$
    select case
        when old is null then 'registered'
        when new->>'status' is distinct from old->>'status' then new->>'status'
        when old->>'inactive_at' is null and new->>'inactive_at' is not null then 'deactivated'
        when old->>'inactive_at' is not null and new->>'inactive_at' is null then 'activated'
        else 'updated'
    end
$$;
