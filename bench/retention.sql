-- After payments.sql and events.sql: of each payment a name, KiwoomPay's notification, the answer to an
-- Idempotency-Key, and its event's delivery with one try, of the payment's time.
set session_replication_role = replica;
create function id_at(moment timestamptz) returns uuid language sql volatile as $$
    select overlay(new_event_id()::text placing left(uuid_at(moment)::text, 13) from 1)::uuid
$$;
update events set id = id_at(created_at);
update payments set customer_name = '홍길동', customer_email = customer_id || '@example.com';
insert into notifications (id, fingerprint, kind, verdict, order_no, transaction_id, amount, occurred_at, raw,
    first_at, last_at)
select id_at(approved_at), sha256(order_no::bytea), 'payment', 'applied', order_no, transaction_id,
    amount, approved_at, 'PAYMETHOD=CARD&CPID=CPID12345&DAOUTRX=' || transaction_id || '&ORDERNO=' || order_no
        || '&AMOUNT=' || amount || '&SETDATE=20260101120000&AUTHNO=12345678&CARDCODE=CCLG&CARDNAME=%BD%C5%C7%D1',
    approved_at, approved_at
from payments order by approved_at;
insert into idempotency_keys (id, api_key_id, method, path, key, body_mac, sender, started_at, status, body)
select id_at(approved_at), 'bench', 'POST', '/billing/pay', order_no, sha256(order_no::bytea), 1,
    approved_at, 200, convert_to(repeat(md5(order_no), 30), 'UTF8')
from payments order by approved_at;
insert into event_deliveries (event_id, endpoint_id, stream, position, state, attempts)
select id, '00000000-0000-7000-8000-000000000000', stream, position, 'delivered', 1
from events order by position;
insert into delivery_attempts (event_id, endpoint_id, attempted_at, millis, status)
select id, '00000000-0000-7000-8000-000000000000', created_at, 30, 204 from events order by position;
drop function id_at;
set session_replication_role = default;
vacuum full events;
vacuum full payments;
vacuum analyze;
