-- Every change of a billing key, subscription, payment, refund or order, written by the database
-- itself in the transaction of the change: no path of the service can forget one.

create table events (
    seq bigint generated always as identity constraint events_pkey primary key,
    id uuid not null constraint events_id_key unique,
    type text not null,
    object text not null constraint events_object_check
        check (object in ('billing_key', 'subscription', 'payment', 'order', 'refund')),
    object_id uuid not null,
    subscription_id uuid,
    stream uuid not null,
    notice text constraint events_notice_key unique,
    actor text not null,
    request_id text,
    reason text,
    before jsonb,
    after jsonb,
    created_at timestamptz not null,
    position bigint constraint events_position_key unique,
    data json
);
comment on table events is
    'What happened, who did it and why: the outbox of GET /events and the audit trail of GET /audit.
Append-only: only position and data are filled in, once, after the commit.';
comment on column events.stream is
    'Events of one stream are delivered in order: the subscription, else the payment or the key.';
comment on column events.notice is 'A notice is given once: what it is about and the date.';
comment on column events.actor is
    'The id of the API key, open (no keys in development), scheduler, or kiwoompay.';
comment on column events.before is 'The row before, without the AUTOKEY.';
comment on column events.position is
    'Given in order by one process at a time, after the commit: a reader that has read up to a
position has missed nothing before it.';
comment on column events.data is 'The object as the API showed it then, its fields in the same order.';
-- Serves the giving of positions.
create index events_unpublished on events (seq) where position is null;
-- Serves GET /events?type= and ?subscriptionId=, and GET /audit?objectId=.
create index events_by_type on events (type, position);
create index events_by_subscription on events (subscription_id, position);
create index events_by_object on events (object_id, position);

create table event_deliveries (
    event_id uuid constraint event_deliveries_pkey primary key
        constraint event_deliveries_event_fkey references events (id),
    stream uuid not null,
    position bigint not null,
    state text not null default 'waiting' constraint event_deliveries_state_check
        check (state in ('waiting', 'delivered', 'given_up')),
    attempts integer not null default 0,
    next_at timestamptz not null default now(),
    leased_until timestamptz
);
comment on table event_deliveries is
    'What is to be told to MERCHANT_WEBHOOK_URL. Times are of the database''s own clock: the
receiver lives in real time, also when the sandbox''s clock is moved.';
-- Serves the claim: the first waiting event of each stream.
create index event_deliveries_waiting on event_deliveries (stream, position)
    where state = 'waiting';
create index event_deliveries_due on event_deliveries (next_at) where state = 'waiting';

create table delivery_attempts (
    seq bigint generated always as identity constraint delivery_attempts_pkey primary key,
    event_id uuid not null constraint delivery_attempts_event_fkey
        references event_deliveries (event_id),
    attempted_at timestamptz not null default now(),
    millis integer not null,
    status smallint,
    failure text
);
comment on table delivery_attempts is 'The delivery log: evidence of what was told when.';
comment on column delivery_attempts.status is 'HTTP status of the answer; null when there was none.';
-- Serves GET /events/:id.
create index delivery_attempts_by_event on delivery_attempts (event_id, seq);

-- A UUID of version 7, as the service's other ids.
create function new_event_id() returns uuid language sql volatile as $$
    select encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
        placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
        from 1 for 6), 52, 1), 53, 1), 'hex')::uuid
$$;

create function payment_event(old jsonb, new jsonb) returns text language plpgsql immutable as $$
declare
    is_order boolean := coalesce(new, old)->>'kind' = 'checkout';
    refunded boolean := (new->>'refunded_amount')::bigint > (old->>'refunded_amount')::bigint;
    rest bigint := (new->>'amount')::bigint - (new->>'refunded_amount')::bigint;
    state text := new->>'state';
begin
    return case
        when new is null then 'not_sent'
        when old is null then 'created'
        when state <> old->>'state' then case
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

create function subscription_event(old jsonb, new jsonb) returns text
language plpgsql immutable as $$
declare
    before text := old->>'status';
    after text := new->>'status';
begin
    return case
        -- A first charge that is under way: nobody sees the subscription yet.
        when new is null or after = 'incomplete' then null
        when before is null or before = 'incomplete' then 'created'
        when after = before and new->>'period_start' > old->>'period_start' then 'renewed'
        when after = before then 'updated'
        when after = 'active' and before = 'paused' then 'resumed'
        when after = 'active' then 'recovered'
        else after
    end;
end $$;

create function refund_event(old jsonb, new jsonb) returns text language sql immutable as $$
    select case
        when new is null then 'not_sent'
        when new->>'state' is not distinct from old->>'state' then 'updated'
        when new->>'state' = 'sending' then 'created'
        when new->>'state' = 'refunded' then 'succeeded'
        else new->>'state'
    end
$$;

create function billing_key_event(old jsonb, new jsonb) returns text language sql immutable as $$
    select case
        when old is null then 'registered'
        when new->>'status' is distinct from old->>'status' then new->>'status'
        else 'updated'
    end
$$;

-- What the transaction said of itself (`Context::begin`).
create function event_setting(name text) returns text language sql stable as $$
    select nullif(current_setting('kiwoom.' || name, true), '')
$$;

create function record_event() returns trigger language plpgsql as $$
declare
    -- The AUTOKEY is replaced, not removed: the row stays one that can be read.
    secret jsonb := case tg_table_name when 'billing_keys' then '{"autokey": "\\x"}' else '{}' end;
    old_row jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) || secret end;
    new_row jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) || secret end;
    either jsonb := coalesce(new_row, old_row);
    -- How the work is shared out, and what follows from another row's change.
    quiet text[] := array['leased_by', 'leased_until', 'next_attempt_at', 'sender', 'sent_at',
        'refunding_amount', 'confirmed_by', 'renewal_noticed', 'expiry_noticed'];
    kind text;
    what text;
    subscription uuid;
    payment uuid;
begin
    if tg_op = 'UPDATE' then
        if old_row - quiet = new_row - quiet then return null; end if;
        -- The subscription of a first charge that failed is gone; the payment is as it was.
        if tg_table_name = 'payments'
            and old_row - quiet - 'subscription_id' = new_row - quiet - 'subscription_id'
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
            nullif(new_row->>'resolve_reason', coalesce(old_row->>'resolve_reason', '')),
            nullif(new_row->>'cancel_reason', coalesce(old_row->>'cancel_reason', '')),
            nullif(new_row->>'reason', '')),
        old_row, new_row, coalesce(event_setting('now')::timestamptz, now()));
    return null;
end $$;

create trigger billing_keys_event after insert or update or delete on billing_keys
    for each row execute function record_event();
create trigger subscriptions_event after insert or update or delete on subscriptions
    for each row execute function record_event();
create trigger payments_event after insert or update or delete on payments
    for each row execute function record_event();
create trigger refunds_event after insert or update or delete on refunds
    for each row execute function record_event();

create function keep_events() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' then
        if old.position is null and new.position is not null
            and to_jsonb(old) - array['position', 'data'] = to_jsonb(new) - array['position', 'data']
        then return new; end if;
    end if;
    raise exception 'events are append-only';
end $$;
create trigger events_are_kept before update or delete on events
    for each row execute function keep_events();
create trigger events_are_not_emptied before truncate on events
    for each statement execute function keep_events();

-- Notices ahead of time.
alter table subscriptions add column renewal_noticed date;
comment on column subscriptions.renewal_noticed is
    'The billing date of which subscription.renewal_upcoming has told.';
-- Serves the next notice.
create index subscriptions_renewal_notice on subscriptions (next_billing_date)
    where status = 'active' and not cancel_at_period_end
        and renewal_noticed is distinct from next_billing_date;
alter table billing_keys
    add column card_expires date,
    add column expiry_noticed boolean not null default false;
comment on column billing_keys.card_expires is 'The last day of the month on the card.';
-- Serves the next notice.
create index billing_keys_expiry_notice on billing_keys (card_expires)
    where status = 'active' and not expiry_noticed;
