-- An event belongs to the trace of the request that made it, and may be a test.

alter table events
    add column traceparent text,
    add column test boolean not null default false;
comment on column events.traceparent is
    'The request that made the change, in the trace that it belongs to (W3C Trace Context): its deliveries
go on with that trace.';
comment on column events.test is
    'Made by `kiwoom-billing trigger` in development: nothing has happened, and data is an example.';

create function events_take_trace() returns trigger language plpgsql as $$
begin
    new.traceparent := event_setting('traceparent');
    return new;
end $$;
create trigger events_trace before insert on events
    for each row execute function events_take_trace();

-- The service's role writes no event by itself: a test is marked as one, whoever asks for it.
create function make_test_event(kind text, object_id uuid, data json) returns uuid
language plpgsql security definer as $$
declare
    id uuid := new_event_id();
    object text := split_part(kind, '.', 1);
begin
    insert into events (id, type, object, object_id, subscription_id, stream, notice, actor, request_id,
        data, test, created_at)
    values (id, kind, object, object_id, case object when 'subscription' then object_id end, object_id,
        'test ' || id, coalesce(event_setting('actor'), 'scheduler'), event_setting('request'), data,
        true, coalesce(event_setting('now')::timestamptz, now()));
    return id;
end $$;
revoke all on function make_test_event from public;

create or replace function complete_notice() returns trigger language plpgsql as $$
declare
    object jsonb;
begin
    -- Written by erase_customer or make_test_event, as the owner.
    if (new.test or new.type = 'customer.erased') and pg_has_role(current_user,
        (select relowner from pg_class where oid = 'events'::regclass), 'usage')
    then return new; end if;
    if new.notice is null then
        raise exception 'events tell of changes, and are written by them';
    end if;
    case new.type
        when 'subscription.renewal_upcoming', 'subscription.consent_needed',
            'subscription.price_rise_upcoming', 'subscription.trial_ending' then
            select to_jsonb(s) || case when new.type = 'subscription.renewal_upcoming'
                    and k.card_expires < s.next_billing_date then
                    jsonb_build_object('card', jsonb_build_object(
                        'expires', to_char(k.card_expires, 'YYYY-MM'), 'overByThen', true))
                else '{}' end into object
            from subscriptions s join billing_keys k on k.id = s.billing_key_id
            where s.id = new.object_id;
            new.subscription_id := new.object_id;
        when 'billing_key.expiring' then
            select to_jsonb(k) || jsonb_build_object('autokey', '\x',
                    'expires', to_char(k.card_expires, 'YYYY-MM'),
                    'subscriptions', (select jsonb_agg('sub_' || s.id order by s.id)
                        from subscriptions s where s.billing_key_id = k.id
                            and s.status not in ('incomplete', 'canceled'))) into object
            from billing_keys k where k.id = new.object_id;
            new.subscription_id := null;
        else raise exception '% is no notice', new.type;
    end case;
    if object is null then raise exception 'there is no % to give notice of', new.object_id; end if;
    new.id := new_event_id();
    new.object := split_part(new.type, '.', 1);
    new.stream := new.object_id;
    new.actor := 'scheduler';
    new.request_id := null;
    new.reason := null;
    new.before := null;
    new.after := object;
    new.position := null;
    new.data := null;
    return new;
end $$;

do $$ begin
    execute format('alter function complete_notice() set search_path = %I, pg_temp', current_schema());
    execute format('alter function make_test_event(text, uuid, json) set search_path = %I, pg_temp',
        current_schema());
end $$;
