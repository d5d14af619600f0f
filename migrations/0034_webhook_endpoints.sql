-- Several receivers of events, each with streams of its own. Processes of before have to be stopped: they
-- know one receiver only.
update schema_compatibility set oldest_build = 34;

create table webhook_endpoints (
    id uuid constraint webhook_endpoints_pkey primary key,
    url text,
    description text,
    types text[],
    enabled boolean not null default true,
    secret bytea,
    previous_secret bytea,
    previous_secret_until timestamptz,
    position bigint,
    revision integer not null default 1,
    created_at timestamptz not null,
    deleted_at timestamptz,
    constraint webhook_endpoints_environment_check
        check ((url is null) = (id = '00000000-0000-7000-8000-000000000000')),
    constraint webhook_endpoints_secret_check
        check ((secret is null) = (url is null or deleted_at is not null)),
    constraint webhook_endpoints_previous_check
        check ((previous_secret is null) = (previous_secret_until is null))
);
comment on table webhook_endpoints is
    'Where events are delivered. The one without a URL is MERCHANT_WEBHOOK_URL''s: what it is, the settings
say. One that was deleted stays, without its secret, for the log of its deliveries.';
comment on column webhook_endpoints.types is
    'The types that are delivered, or payment.* for all of an object; null: all.';
comment on column webhook_endpoints.enabled is
    'While it is off nothing is tried and the position stands still: nothing is left out.';
comment on column webhook_endpoints.secret is
    'Id of the data key (webhook_secrets), nonce and AES-256-GCM ciphertext; the row id and
"webhook_endpoints.secret" are associated data.';
comment on column webhook_endpoints.previous_secret is
    'The one of before, as secret: deliveries are signed with it too until previous_secret_until, by the
database''s own clock.';
comment on column webhook_endpoints.position is
    'The last position of which it is settled whether it is delivered here; null until the first start with
MERCHANT_WEBHOOK_URL.';
comment on column webhook_endpoints.revision is
    'Counts the changes: each process then begins anew with what the row says.';

insert into webhook_endpoints (id, position, created_at)
    select '00000000-0000-7000-8000-000000000000', (select position from delivery_cursor), now();
drop table delivery_cursor;

-- A key of its own, for good: a secret that may have become known is rotated itself.
alter table data_keys drop constraint data_keys_purpose_check;
alter table data_keys add constraint data_keys_purpose_check
    check (purpose in ('billing_keys', 'request_bodies', 'webhook_secrets'));
comment on column data_keys.purpose is
    'billing_keys: billing_keys.autokey. request_bodies: idempotency_keys.body_mac. webhook_secrets:
webhook_endpoints.secret. The last two have one key for good.';

-- What there is was for the receiver of the settings.
alter table event_deliveries
    add column endpoint_id uuid not null default '00000000-0000-7000-8000-000000000000'
        constraint event_deliveries_endpoint_fkey references webhook_endpoints (id);
alter table delivery_attempts
    add column endpoint_id uuid not null default '00000000-0000-7000-8000-000000000000';
alter table event_deliveries alter column endpoint_id drop default;
alter table delivery_attempts
    alter column endpoint_id drop default,
    drop constraint delivery_attempts_event_fkey;
alter table event_deliveries
    drop constraint event_deliveries_pkey,
    add constraint event_deliveries_pkey primary key (event_id, endpoint_id);
alter table delivery_attempts add constraint delivery_attempts_delivery_fkey
    foreign key (event_id, endpoint_id) references event_deliveries (event_id, endpoint_id);
comment on table event_deliveries is
    'What is to be told to which endpoint. Times are of the database''s own clock: the receivers live in
real time, also when the sandbox''s clock is moved.';

-- As before, of each endpoint.
drop index event_deliveries_waiting, event_deliveries_due, event_deliveries_given_up;
create index event_deliveries_waiting on event_deliveries (endpoint_id, stream, position)
    where state = 'waiting';
create index event_deliveries_due on event_deliveries (endpoint_id, next_at) where state = 'waiting';
create index event_deliveries_given_up on event_deliveries (endpoint_id, position)
    where state = 'given_up';
-- Serve the health of an endpoint: its last success and its last failure.
create index delivery_attempts_taken on delivery_attempts (endpoint_id, seq)
    where status between 200 and 299;
create index delivery_attempts_failed on delivery_attempts (endpoint_id, seq)
    where status is null or status not between 200 and 299;

-- Changes of an endpoint are events, as those of what money is about: without the secret, and without the
-- query of the URL, which may hold one.
alter table events drop constraint events_object_check;
alter table events add constraint events_object_check check
    (object in ('billing_key', 'subscription', 'payment', 'order', 'refund', 'customer',
        'webhook_endpoint')) not valid;

create function record_endpoint_event() returns trigger language plpgsql as $$
declare
    hidden text[] := array['secret', 'previous_secret', 'position', 'revision'];
    old_row jsonb := case when tg_op = 'UPDATE' then to_jsonb(old) - hidden
        || jsonb_build_object('url', split_part(old.url, '?', 1)) end;
    new_row jsonb := to_jsonb(new) - hidden || jsonb_build_object('url', split_part(new.url, '?', 1));
    what text := case
        when old_row is null then 'created'
        when new.deleted_at is not null then 'deleted'
        else 'updated' end;
begin
    if old_row = new_row and old.secret = new.secret then return null; end if;
    insert into events (id, type, object, object_id, stream, actor, request_id, before, after, created_at)
    values (new_event_id(), 'webhook_endpoint.' || what, 'webhook_endpoint', new.id, new.id,
        coalesce(event_setting('actor'), 'scheduler'), event_setting('request'), old_row, new_row,
        coalesce(event_setting('now')::timestamptz, now()));
    return null;
end $$;
do $$ begin
    execute format('alter function record_endpoint_event() set search_path = %I, pg_temp',
        current_schema());
end $$;
create trigger webhook_endpoints_event
    after insert or update of url, description, types, enabled, secret, deleted_at
    on webhook_endpoints for each row execute function record_endpoint_event();
