-- Fills an empty, migrated database with a year of :payments charges up to now, most by card, every
-- twentieth given back in part a day later. What the triggers of payments and refunds write is written
-- at once, as they write it: movements here, events in events.sql.
alter table payments disable trigger user;
alter table refunds disable trigger user;
insert into payments (id, order_no, kind, state, amount, product_name, customer_id, initiated_by, method,
    transaction_id, created_at, approved_at, settled_at, refunded_amount)
select new_event_id(), 'ORDER-' || n, case when n % 10 < 6 then 'one_off' else 'checkout' end, 'approved',
    9000 + n % 1000, 'bench', 'customer' || n % 20000, 'merchant',
    (array['CARD', 'CARD', 'CARD', 'CARD', 'CARD', 'CARD', 'KAKAOPAY', 'NAVERPAY', 'SAMSUNGPAY', 'PAYCO'])
        [1 + n % 10],
    'cMP' || lpad(n::text, 17, '0'), at, at, at, case when n % 20 = 0 then 900 else 0 end
from generate_series(1, :payments) n, lateral (
    select now() - (:payments - n) * interval '365 days' / :payments) t (at);
insert into refunds (id, payment_id, amount, state, origin, created_at, sent_at, refunded_at)
select new_event_id(), id, 900, 'refunded', case when amount % 7 = 0 then 'gateway' else
    'merchant' end, at, at, at
from payments, lateral (select least(approved_at + interval '1 day', now())) t (at)
where refunded_amount > 0;
alter table payments enable trigger user;
alter table refunds enable trigger user;
insert into movements (id, kind, amount, tax_free_amount, method, order_no, transaction_id, payment_id,
    customer_id, moved_at, booked_at)
select new_event_id(), case kind when 'checkout' then 'window_payment' else 'charge' end, amount, 0,
    method, order_no, transaction_id, id, customer_id, approved_at, approved_at
from payments order by approved_at;
insert into movements (id, kind, amount, tax_free_amount, method, order_no, transaction_id, payment_id,
    refund_id, customer_id, moved_at, booked_at)
select new_event_id(), case r.origin when 'gateway' then 'cancellation' else 'refund' end, -r.amount, 0,
    method, order_no, p.transaction_id, p.id, r.id, customer_id, r.refunded_at, r.refunded_at
from refunds r join payments p on p.id = r.payment_id order by r.refunded_at;
analyze;
