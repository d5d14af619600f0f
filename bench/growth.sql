-- Fills a database in which a few subscriptions were made with a year of :payments payments up to now, with
-- :subscriptions subscriptions and cards, and what belongs to them, as the triggers and the publishing
-- write it. What is rare is old: of each such kind the first few have one, so whoever looks for it from
-- the newest on meets everything else before. Their ids end with their number, which growth.json asks for.
set session_replication_role = replica;

create function pg_temp.id_of(n bigint, at timestamptz) returns uuid language sql as $$
    select case when n <= 40 then '01800000-0000-7000-8000-' || lpad(n::text, 12, '0')
        else lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '7'
            || substr(md5(random()::text), 1, 3) || '8' || substr(md5(random()::text), 1, 15)
    end::uuid
$$;

insert into webhook_endpoints (id, url, secret, position, created_at)
    values ('01800000-0000-7000-8000-000000000001', 'http://a.example/', 'x', 0, now());

-- Cards and subscriptions, each a copy of one that was made.
create temp table copies as
    select k, pg_temp.id_of(k, at) as id, at, original, b
    from generate_series(1, :subscriptions) k,
        lateral (select now() - (:subscriptions - k) * interval '365 days' / :subscriptions) t (at),
        (select array_agg(s order by id) as originals, count(*)::int as number from subscriptions s) o,
        lateral (select o.originals[1 + k % number] as original) c
        join billing_keys b on b.id = (c.original).billing_key_id;
insert into billing_keys
select (jsonb_populate_record(b, jsonb_build_object('id', id, 'customer_id', 'customer' || k,
    'card_number_masked', '411111******' || lpad((k % 10000)::text, 4, '0'),
    'created_at', at, 'card_expires', case when k <= 5 then current_date + 20
        else current_date + 400 + (k % 1000)::int end,
    'inactive_at', case when k between 6 and 10 then at end,
    'status', case when k between 11 and 15 then 'deleted' else 'active' end))).*
from copies;
insert into subscriptions
select (jsonb_populate_record(original, jsonb_build_object('id', id, 'customer_id', 'customer' || k,
    'plan_id', 'plan' || case when k <= 5 then '_old' else (k % 20)::text end,
    'amount', case when k <= 5 then 77 else 9000 + k % 1000 end,
    'billing_key_id', id, 'created_at', at,
    'renewal_noticed', case when k > 5 then (original).next_billing_date end,
    'status', case k when 16 then 'past_due' when 17 then 'unpaid' else (original).status end,
    'metadata', case when k <= 5 then '{"order": "first", "seats": 3, "on": true}'
        when k % 3 = 0 then jsonb_build_object('channel', 'web', 'user', k) else '{}' end))).*
from copies;
insert into subscription_phases
select (jsonb_populate_record(s, jsonb_build_object('subscription_id', c.id))).*
from copies c join subscription_phases s on s.subscription_id = (original).id;
insert into subscription_charges
select (jsonb_populate_record(s, jsonb_build_object('subscription_id', c.id))).*
from copies c join subscription_charges s on s.subscription_id = (original).id;
insert into subscription_segments
select (jsonb_populate_record(s, jsonb_build_object('subscription_id', c.id))).*
from copies c join subscription_segments s on s.subscription_id = (original).id;

insert into payments (id, order_no, kind, state, amount, product_name, customer_id, customer_name,
    billing_key_id, subscription_id, charge_no, initiated_by, method, transaction_id, auth_number,
    merchant_setting, failure_code, failure_message, created_at, sent_at, approved_at, settled_at,
    expires_at, late, order_id, unexpected, refunded_amount, cpid)
select pg_temp.id_of(n, at), 'ORDER-' || n, kind, state,
    case when n <= 5 then 77 else 9000 + n % 1000 end, 'bench',
    'customer' || k, '홍길동', case when kind in ('one_off', 'subscription') then card end,
    case kind when 'subscription' then card end, case kind when 'subscription' then 1000 + n end,
    case kind when 'subscription' then 'scheduler' when 'checkout' then 'buyer' else 'merchant' end,
    case when kind <> 'checkout' then 'CARD' else
        (array['KAKAOPAY', 'NAVERPAY', 'SAMSUNGPAY', 'PAYCO'])[1 + n % 4] end,
    case when state = 'approved' then 'cMP' || lpad(n::text, 17, '0') end, '12345678',
    case when n = 12 then '9999' end, case when state = 'declined' then '0051' end,
    case when state = 'declined' then '잔액 부족' end, at, at,
    case when state = 'approved' then at end, at,
    case when state = 'ready' then now() + interval '1 day' end, n = 15,
    case kind when 'unexpected' then '01800000-0000-7000-8000-000000000001'::uuid end,
    case kind when 'unexpected' then 'other_amount' end,
    case when state <> 'approved' then 0 when n <= 5 then 77 when n % 10 = 0 then 900 else 0 end,
    'CPID000001'
from generate_series(1, :payments) n,
    lateral (select now() - (:payments - n) * interval '365 days' / :payments,
        1 + n / 10 % :subscriptions,
        case when n in (6, 7) then 'unexpected' when n in (13, 14, 15, 18) then 'checkout'
            when n % 10 < 3 then 'subscription' when n % 10 < 5 then 'checkout' else 'one_off' end,
        case when n = 8 then 'unknown' when n = 9 then 'mismatch'
            when n in (10, 12) then 'declined' when n = 13 then 'ready' when n = 14 then 'expired'
            when n % 33 = 1 then 'declined' else 'approved' end) t (at, k, kind, state)
    join (select k, id as card from copies) c using (k);
insert into refunds (id, payment_id, amount, state, reason, origin, created_at, sent_at, refunded_at)
select pg_temp.id_of(row_number() over (order by approved_at), at), id, refunded_amount,
    case order_no when 'ORDER-2' then 'declined' when 'ORDER-3' then 'unknown' else 'refunded' end, '변심',
    'merchant', at, at, at
from payments, lateral (select least(approved_at + interval '1 day', now())) t (at)
where refunded_amount > 0;

insert into movements (id, kind, amount, tax_free_amount, method, order_no, transaction_id, payment_id,
    subscription_id, customer_id, moved_at, booked_at, booked_on)
select new_event_id(), case kind when 'checkout' then 'window_payment' when 'unexpected' then 'unexpected'
        else 'charge' end,
    amount, 0, case when order_no = 'ORDER-4' then 'OLDPAY' else method end, order_no, transaction_id, id,
    subscription_id, customer_id, approved_at, approved_at, (approved_at at time zone 'Asia/Seoul')::date
from payments where state = 'approved' order by approved_at;
insert into movements (id, kind, amount, tax_free_amount, method, order_no, transaction_id, payment_id,
    refund_id, subscription_id, customer_id, moved_at, booked_at, booked_on)
select new_event_id(), case order_no when 'ORDER-4' then 'cancellation' else 'refund' end, -r.amount, 0,
    method, order_no, p.transaction_id, p.id, r.id, subscription_id, customer_id, r.refunded_at,
    r.refunded_at, (r.refunded_at at time zone 'Asia/Seoul')::date
from refunds r join payments p on p.id = r.payment_id where r.state = 'refunded' order by r.refunded_at;

-- Of each payment that it was begun and what became of it, of the others that they were made.
create function pg_temp.actor(n bigint, initiated_by text) returns text language sql as $$
    select case when n <= 20 then 'key_old' when initiated_by = 'scheduler' then 'scheduler'
        when initiated_by = 'buyer' then 'kiwoompay' when n % 2 = 0 then 'key_one' else 'key_two' end
$$;
create function pg_temp.is_old(n bigint) returns text language sql as $$
    select case when n <= 20 then 'old' else 'new' end
$$;
insert into events (id, type, object, object_id, subscription_id, stream, actor, request_id, before,
    after, created_at, position)
select new_event_id(), p.object || '.' || what, p.object, p.id, subscription_id,
    coalesce(subscription_id, p.id), pg_temp.actor(n, initiated_by), new_event_id(), before,
    jsonb_strip_nulls(after), created_at, 1000 + 4 * n + nth
from (select p.*, to_jsonb(p) as row, substr(order_no, 7)::bigint as n,
        case kind when 'checkout' then 'order' else 'payment' end as object,
        case when kind = 'checkout' and state = 'approved' then 'paid' else state end as became
    from payments p where order_no like 'ORDER-%') p,
    lateral (select p.row, p.row || '{"state": "sending", "transaction_id": null}') j (ended, begun),
    lateral (values (0, 'created', null::jsonb, begun),
        (1, became, '{"state": "sending", "transaction_id": null, "settled_at": null}', ended))
        e (nth, what, before, after)
where (nth = 0 or became <> 'ready');
insert into events (id, type, object, object_id, subscription_id, stream, actor, request_id, reason,
    before, after, created_at, position)
select new_event_id(), 'refund.succeeded', 'refund', r.id, subscription_id, coalesce(subscription_id, p.id),
    pg_temp.actor(n, 'merchant'), new_event_id(), r.reason, '{"state": "sending"}', jsonb_strip_nulls(to_jsonb(r)),
    r.created_at, 1000 + 4 * n + 2
from refunds r join payments p on p.id = r.payment_id,
    lateral (select substr(order_no, 7)::bigint as n) o;
insert into events (id, type, object, object_id, subscription_id, stream, actor, before, after,
    created_at, position)
select new_event_id(), case when k <= 5 then 'subscription.past_due' else 'subscription.created' end,
    'subscription', c.id, c.id, c.id, pg_temp.actor(k, 'merchant'), null, to_jsonb(s), at, 1010 + 4 * :payments + k
from copies c join subscriptions s on s.id = c.id;
insert into event_data (position, data)
select position, json_build_object('id', object || '_' || object_id, 'orderNo', after->'order_no', 'amount',
    after->'amount', 'status', after->'state', 'method', after->'method', 'transactionId',
    after->'transaction_id', 'customerId', after->'customer_id', 'productName', after->'product_name',
    'approvedAt', after->'approved_at', 'authNumber', after->'auth_number', 'billingKey',
    after->'billing_key_id', 'subscriptionId', after->'subscription_id')
from events where position > 1000 order by position;
do $$ begin perform setval('event_positions', (select max(position) from events)); end $$;

insert into event_deliveries (event_id, endpoint_id, stream, position, state, attempts, next_at)
select e.id, w.id, stream, e.position,
    case when e.position < 1040 then 'given_up' when e.position between 960 + 4 * :payments
            and 1000 + 4 * :payments then 'waiting'
        else 'delivered' end, 1,
    case when e.position between 980 + 4 * :payments and 1000 + 4 * :payments then 'infinity' else e.created_at end
from events e, webhook_endpoints w
where e.position > 1000 and (w.url is null or e.position < 1080) and e.type not like '%.created';
insert into delivery_attempts (event_id, endpoint_id, attempted_at, millis, status)
select event_id, endpoint_id, next_at, 20, case state when 'delivered' then 200 else 500 end
from event_deliveries where state <> 'waiting' order by position;
update webhook_endpoints set position = (select max(position) from events);

insert into notifications (id, fingerprint, kind, verdict, order_no, transaction_id, amount, occurred_at,
    raw, first_at, last_at)
select pg_temp.id_of(n, created_at), sha256(order_no::bytea), 'payment',
    case when n in (13, 18) then 'waiting' when n = 14 then 'review' when n = 15 then 'source'
        else 'applied' end,
    order_no, coalesce(transaction_id, 'cMP-' || n), amount, approved_at, repeat('x', 400), created_at, created_at
from payments, lateral (select substr(order_no, 7)::bigint as n) o
where kind = 'checkout' and order_no like 'ORDER-%';
insert into idempotency_keys (id, api_key_id, method, path, key, body_mac, sender, started_at, status, body)
select id, 'key_one', 'POST', '/billing/pay', order_no, sha256(order_no::bytea), 1, created_at, 200,
    repeat('x', 700)::bytea
from payments where kind = 'one_off' and order_no like 'ORDER-%';
insert into payment_links (id, subscription_id, payment_id, state, amount, tax_free_amount, product_name,
    methods, expires_at, created_at, ended_at)
select id, id, null, state, 9900, 0, 'bench', '{CARD}', at + interval '7 days', at,
    case when state not in ('open', 'opened') then at end
from copies, lateral (select case k when 1 then 'expired' when 2 then 'canceled' when 3 then 'unknown'
    when 4 then 'open' else 'paid' end as state) s;
reset session_replication_role;
