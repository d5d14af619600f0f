-- What is kept for how long, and how a customer is forgotten. The service may delete nothing of it by
-- itself: it asks these functions, which run as the owner and keep what the law wants kept.

create table retention_progress (
    kind text constraint retention_progress_pkey primary key
        constraint retention_progress_kind_check check (kind in ('answers', 'notifications', 'names')),
    through uuid not null
);
comment on table retention_progress is
    'Up to which row, in the order of their ids, what is too old has been emptied.';

-- Whether an update takes out what tells who somebody is, and changes nothing else.
create function is_erasure(old jsonb, new jsonb) returns boolean language sql immutable as $$
    select old - who = new - who
        and (new->>'customer_id' ~ '^erased_[0-9a-f]{32}$' or new->>'customer_name' = '')
    from (select array['customer_id', 'customer_name', 'customer_email', 'card_number_masked',
        'metadata'] as who) w
$$;

-- A row, or what was shown of it, without what tells who somebody is. Numbers keep every digit, and
-- fields their order.
create function row_without_person(told jsonb, pseudonym text) returns jsonb
language sql immutable as $$
    select told || coalesce(jsonb_object_agg(key, case key
            when 'customer_id' then to_jsonb(pseudonym) when 'metadata' then '{}' else '""' end), '{}')
    from jsonb_each(told)
    where key in ('customer_id', 'customer_name', 'customer_email', 'card_number_masked', 'metadata')
        and value <> 'null'
$$;
create function shown_without_person(told json, pseudonym text) returns json
language plpgsql immutable as $$
begin
    return case json_typeof(told)
        when 'object' then (
            select coalesce(json_object_agg(key, case
                when json_typeof(value) = 'null' then value
                when key = 'customerId' then to_json(pseudonym)
                when key in ('customerName', 'number') then '""'
                when key = 'metadata' then '{}'
                else shown_without_person(value, pseudonym) end), '{}')
            from json_each(told))
        when 'array' then (
            select coalesce(json_agg(shown_without_person(value, pseudonym)), '[]')
            from json_array_elements(told))
        else told end;
end $$;

create or replace function record_event() returns trigger language plpgsql as $$
declare
    -- The AUTOKEY is replaced, not removed: the row stays one that can be read.
    secret jsonb := case tg_table_name when 'billing_keys' then '{"autokey": "\\x"}' else '{}' end;
    old_row jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) || secret end;
    new_row jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) || secret end;
    either jsonb := coalesce(new_row, old_row);
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
        if old_row - quiet = new_row - quiet then return null; end if;
        -- An erasure has an event of its own.
        if (new_row->>'customer_id' ~ '^erased_' or new_row->>'customer_name' = '')
            and is_erasure(old_row, new_row)
        then return null; end if;
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
            event_setting('reason'),
            nullif(new_row->>'resolve_reason', coalesce(old_row->>'resolve_reason', '')),
            nullif(new_row->>'cancel_reason', coalesce(old_row->>'cancel_reason', '')),
            nullif(new_row->>'reason', '')),
        old_row, new_row, coalesce(event_setting('now')::timestamptz, now()));
    return null;
end $$;
-- 0012 says why.
do $$ begin
    execute format('alter function record_event() set search_path = %I, pg_temp', current_schema());
end $$;

-- What was agreed and booked stays as it is, but for the names.
drop trigger payments_terms_are_kept on payments;
create trigger payments_terms_are_kept
    before update of tax_free_amount, product_name, customer_id, customer_name, customer_email,
        expires_at, methods
    on payments for each row
    when ((old.kind <> 'checkout' or old.state not in ('ready', 'expired', 'declined'))
        and not is_erasure(to_jsonb(old), to_jsonb(new)))
    execute function refuse('the terms of a payment are kept');
drop trigger movements_are_kept on movements;
create trigger movements_are_kept before delete on movements
    for each row execute function refuse('movements are append-only');
create function keep_movements() returns trigger language plpgsql as $$
declare
    -- A trigger before the change does not know the generated ones yet.
    not_kept text[] := array['customer_id', 'vat', 'moved_on'];
begin
    if to_jsonb(old) - not_kept = to_jsonb(new) - not_kept
        and new.customer_id ~ '^erased_[0-9a-f]{32}$'
    then return new; end if;
    raise exception 'movements are append-only';
end $$;
create trigger movements_stay before update on movements
    for each row execute function keep_movements();

-- The setting alone lets nobody in: the service may delete no event and change no row in one.
create or replace function keep_events() returns trigger language plpgsql as $$
declare
    forgets boolean := event_setting('forgets') = 'on';
begin
    if tg_op = 'UPDATE' then
        if old.position is null and new.position is not null
            and to_jsonb(old) - array['position', 'data'] = to_jsonb(new) - array['position', 'data']
            or forgets and to_jsonb(old) - array['before', 'after', 'data']
                = to_jsonb(new) - array['before', 'after', 'data']
        then return new; end if;
    end if;
    if tg_op = 'DELETE' and forgets then return old; end if;
    raise exception 'events are append-only';
end $$;

alter table events drop constraint events_object_check;
alter table events add constraint events_object_check check
    (object in ('billing_key', 'subscription', 'payment', 'order', 'refund', 'customer')) not valid;

-- Takes out of the books and the trail what tells who `customer` is; `pseudonym` stands in its place. The
-- money stays. All keys have to be deleted, and nothing may be open. Gives how much there was.
create function erase_customer(customer text, pseudonym text) returns jsonb
language plpgsql security definer as $$
declare
    keys uuid[] := array(select id from billing_keys where customer_id = customer for update);
    subs uuid[] := array(select id from subscriptions where customer_id = customer for update);
    pays uuid[] := array(select id from payments where customer_id = customer for update);
    parts uuid[] := array(select id from refunds where payment_id = any(pays) for update);
    counts jsonb;
begin
    if pseudonym !~ '^erased_[0-9a-f]{32}$' or customer ~ '^erased_[0-9a-f]{32}$' then
        raise exception 'not a pseudonym';
    end if;
    if exists (select from billing_keys where id = any(keys) and status <> 'deleted')
        or exists (select from subscriptions where id = any(subs) and status <> 'canceled')
        or exists (select from payments
            where id = any(pays) and state in ('ready', 'sending', 'unknown'))
        or exists (select from refunds where id = any(parts) and state in ('sending', 'unknown'))
    then raise exception 'something of the customer is open' using errcode = 'object_in_use'; end if;
    perform set_config('kiwoom.forgets', 'on', true);

    update billing_keys set customer_id = pseudonym, customer_name = '', customer_email = null,
        card_number_masked = ''
    where id = any(keys);
    update subscriptions set customer_id = pseudonym, metadata = '{}' where id = any(subs);
    update payments set customer_id = pseudonym,
        customer_name = case when customer_name is not null then '' end, customer_email = null
    where id = any(pays);
    update movements set customer_id = pseudonym where customer_id = customer;
    update notifications set raw = ''
    where transaction_id in (select transaction_id from payments where id = any(pays))
        or order_no in (select split_part(order_no, '#', 1) from payments where id = any(pays));
    update events set before = row_without_person(before, pseudonym),
        after = row_without_person(after, pseudonym), data = shown_without_person(data, pseudonym)
    where seq in (
        select seq from events where object_id = any(keys || subs || pays || parts)
        union select seq from events where subscription_id = any(subs));

    counts := jsonb_build_object('billing_keys', cardinality(keys),
        'subscriptions', cardinality(subs), 'payments', cardinality(pays));
    insert into events (id, type, object, object_id, stream, actor, request_id, reason, after,
        created_at)
    values (new_event_id(), 'customer.erased', 'customer', substr(pseudonym, 8)::uuid,
        substr(pseudonym, 8)::uuid, coalesce(event_setting('actor'), 'scheduler'),
        event_setting('request'), event_setting('reason'),
        counts || jsonb_build_object('customer_id', pseudonym),
        coalesce(event_setting('now')::timestamptz, now()));
    perform set_config('kiwoom.forgets', '', true);
    return counts;
end $$;

create type dated as (id uuid, at timestamptz);
-- The ids of the first of `rows` that are all older than `before`.
create function older(rows dated[], before timestamptz) returns uuid[] language sql immutable as $$
    select coalesce(array_agg(id order by n) filter (where is_old), '{}')
    from (select id, n, bool_and(at < before) over (order by n) as is_old
        from unnest(rows) with ordinality as r (id, at, n)) o
$$;
-- The lowest id (UUID of version 7) of that moment.
create function uuid_at(moment timestamptz) returns uuid language sql immutable as $$
    select (lpad(to_hex((extract(epoch from moment) * 1000)::bigint), 12, '0')
        || '00000000000000000000')::uuid
$$;

-- Takes out what is older than `keep_from`, at most `most` rows; gives how many it looked at and took.
-- events, deliveries: the rows. answers: what was answered to an Idempotency-Key, which stays used.
-- notifications: their text. names: of who paid. In production what tells of payments is kept for five
-- years, whatever is asked (전자상거래법 시행령 제6조 제1항).
create function forget(what text, keep_from timestamptz, most integer) returns integer
language plpgsql security definer as $$
declare
    since uuid := coalesce((select through from retention_progress where kind = what),
        '00000000-0000-0000-0000-000000000000');
    ids uuid[];
    done integer;
begin
    if what in ('events', 'notifications', 'names')
        and exists (select from environment where name = 'production')
    then keep_from := least(keep_from, now() - interval '5 years'); end if;
    perform set_config('kiwoom.forgets', 'on', true);
    case what
        when 'events' then
            -- The last one stays: the next position follows it.
            delete from events e using (
                select seq, id, position, created_at from events order by seq limit most) oldest
            where e.seq = oldest.seq and oldest.created_at < keep_from
                and oldest.position < (select max(position) from events)
                and not exists (select from event_deliveries d where d.event_id = oldest.id);
            get diagnostics done = row_count;
            perform set_config('kiwoom.forgets', '', true);
            return done;
        when 'deliveries' then
            ids := array(select distinct event_id from event_deliveries d
                where event_id < uuid_at(keep_from) and state <> 'waiting'
                    and not exists (select from event_deliveries w
                        where w.event_id = d.event_id and w.state = 'waiting')
                order by event_id limit most);
            delete from delivery_attempts where event_id = any(ids);
            delete from event_deliveries where event_id = any(ids);
            return cardinality(ids);
        when 'answers' then
            ids := older(array(select row(id, started_at)::dated from idempotency_keys
                where id > since order by id limit most), keep_from);
            update idempotency_keys set body = null where id = any(ids);
        when 'notifications' then
            ids := older(array(select row(id, last_at)::dated from notifications
                where id > since order by id limit most), keep_from);
            update notifications set raw = '' where id = any(ids);
        when 'names' then
            ids := older(array(select row(id, created_at)::dated from payments
                where id > since order by id limit most), keep_from);
            update payments set customer_name = '', customer_email = null
            where id = any(ids) and (customer_name <> '' or customer_email is not null);
    end case;
    done := cardinality(ids);
    if done > 0 then
        insert into retention_progress (kind, through) values (what, ids[done])
        on conflict (kind) do update set through = excluded.through;
    end if;
    return done;
end $$;
revoke all on function erase_customer, forget from public;

-- 0012 says why.
do $$
declare
    name text;
begin
    foreach name in array array['record_event()', 'erase_customer(text, text)',
        'forget(text, timestamptz, integer)']
    loop
        execute format('alter function %s set search_path = %I, pg_temp', name, current_schema());
    end loop;
end $$;
