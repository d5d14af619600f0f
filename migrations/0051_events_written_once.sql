-- An event is written once, with its position, and what the API showed of its object is kept beside it.
-- Processes of before have to be stopped: they read on without waiting for what is not committed yet.
update schema_compatibility set oldest_build = 51;
-- What a process of before has not committed yet is waited for.
lock table events in access exclusive mode;

create table event_data (
    position bigint constraint event_data_pkey primary key,
    data json
);
comment on table event_data is
    'What is told of an event: the object as the API showed it then, its fields in the same order. Written
by one process at a time, after the commit, in the order of positions: an event is published when its
position is not above the last one here.';
comment on column event_data.data is
    'Null: the event has its own, of a test or of before migration 0051.';
comment on column events.position is
    'Given when the event is written. Transactions that overlap may commit in another order: event_horizon()
says up to where nothing is still to come.';
comment on column events.data is 'Of a test, and of events that were published before migration 0051.';
comment on table events is
    'What happened, who did it and why: the outbox of GET /events and the audit trail of GET /audit.
Append-only.';

-- What was published stays that, and what was not is next.
insert into event_data (position) select max(position) from events having max(position) is not null;
update events set position = published.through + waiting.nth
    from (select coalesce(max(position), 0) as through from events) published,
        (select seq, row_number() over (order by seq) as nth from events where position is null) waiting
    where events.seq = waiting.seq;
create sequence event_positions minvalue 0;
select setval('event_positions', (select coalesce(max(position), 0) from events));
-- Nobody publishes what is still to be written.
create trigger event_data_tell_of_events before insert on event_data
    for each row when (new.position > pg_sequence_last_value('event_positions'))
    execute function refuse('there is no such event');
drop index events_unpublished;
-- 0045 has it of notices alone.
alter table events drop constraint events_notice_key;

-- Before its first event a transaction announces, by a lock that ends with it, that its positions will be
-- above the last one that was given until then.
create function write_event() returns trigger language plpgsql as $$
declare
    me text := pg_current_xact_id()::text;
    done text;
begin
    new.traceparent := event_setting('traceparent');
    if event_setting('announced') is distinct from me then
        done := pg_advisory_xact_lock_shared('event_positions'::regclass::oid::int,
            (pg_sequence_last_value('event_positions') & 2147483647)::int);
        done := set_config('kiwoom.announced', me, true);
    end if;
    new.position := nextval('event_positions');
    return new;
end $$;
drop trigger events_trace on events;
drop function events_take_trace();
create trigger events_written before insert on events
    for each row execute function write_event();

-- The position up to which every event is committed or will never be. The order is what makes it so: the
-- last position that was given, then the transactions under way, and the events by a later statement.
-- The lower 31 bits of what they have announced are enough to tell how far they are behind.
create function event_horizon(out given bigint, out settled bigint, out pids int[]) language plpgsql as $$
begin
    select last_value into given from event_positions;
    select given - coalesce(max(greatest(0,
            (given - objid::bigint + 1073741824 & 2147483647) - 1073741824)), 0),
        coalesce(array_agg(pid order by pid) filter (where pid is not null), '{}')
    into settled, pids
    from pg_locks
    where locktype = 'advisory' and objsubid = 2 and classid = 'event_positions'::regclass
        and database = (select oid from pg_database where datname = current_database());
end $$;

create or replace function keep_events() returns trigger language plpgsql as $$
declare
    forgets boolean := event_setting('forgets') = 'on';
begin
    if tg_op = 'UPDATE' and forgets and to_jsonb(old) - array['before', 'after', 'data']
        = to_jsonb(new) - array['before', 'after', 'data']
    then return new; end if;
    if tg_op = 'DELETE' and forgets then return old; end if;
    raise exception 'events are append-only';
end $$;
create trigger event_data_are_kept before update or delete on event_data
    for each row when (event_setting('forgets') is distinct from 'on')
    execute function refuse('events are append-only');
create trigger event_data_are_not_emptied before truncate on event_data
    for each statement execute function refuse('events are append-only');

-- As in 0033, of both tables.
create or replace function erase_customer(customer text, pseudonym text) returns jsonb
language plpgsql security definer as $$
declare
    -- Whoever publishes has read the rows before or after this, and not meanwhile.
    turn text := pg_advisory_xact_lock(hashtext('events'))::text;
    keys uuid[] := array(select id from billing_keys where customer_id = customer for update);
    subs uuid[] := array(select id from subscriptions where customer_id = customer for update);
    pays uuid[] := array(select id from payments where customer_id = customer for update);
    parts uuid[] := array(select id from refunds where payment_id = any(pays) for update);
    told bigint[];
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
    told := array(
        select position from events where object_id = any(keys || subs || pays || parts)
        union select position from events where subscription_id = any(subs));
    update events set before = row_without_person(before, pseudonym),
        after = row_without_person(after, pseudonym), data = shown_without_person(data, pseudonym)
    where position = any(told);
    update event_data set data = shown_without_person(data, pseudonym) where position = any(told);

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

create or replace function forget(what text, keep_from timestamptz, most integer) returns integer
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
            -- The last one that is published stays: it says how far that is.
            with gone as (
                delete from events e using (
                    select seq, id, position, created_at from events order by seq limit most) oldest
                where e.seq = oldest.seq and oldest.created_at < keep_from
                    and oldest.position < (select max(position) from event_data)
                    and not exists (select from event_deliveries d where d.event_id = oldest.id)
                returning e.position),
            shown as (delete from event_data d using gone where d.position = gone.position)
            select count(*) into done from gone;
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

-- 0012 says why.
do $$
declare
    name text;
begin
    foreach name in array array['write_event()', 'event_horizon()', 'erase_customer(text, text)',
        'forget(text, timestamptz, integer)']
    loop
        execute format('alter function %s set search_path = %I, pg_temp', name, current_schema());
    end loop;
end $$;
