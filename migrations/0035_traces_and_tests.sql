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

do $$ begin
    execute format('alter function make_test_event(text, uuid, json) set search_path = %I, pg_temp',
        current_schema());
end $$;
