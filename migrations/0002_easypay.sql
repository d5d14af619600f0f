-- The hosted window: orders are payments of kind 'checkout'; notifications are kept as they came.

alter table payments
    add column customer_email text,
    add column expires_at timestamptz,
    add column late boolean not null default false;
comment on column payments.expires_at is 'Hosted window: unpaid by then, the order expires.';
comment on column payments.late is
    'Paid after the order had expired, failed or been closed. It counts; somebody should look.';
-- Serves the expiry of unpaid orders and the next such moment.
create index payments_expiring on payments (expires_at) where state = 'ready';

alter table refunds
    add column origin text not null default 'merchant'
        constraint refunds_origin_check check (origin in ('merchant', 'gateway')),
    add column confirmed_by uuid;
comment on column refunds.origin is
    'gateway: made in KiwoomPay''s merchant pages and learnt from a cancellation notification.';
comment on column refunds.confirmed_by is 'The notification that told of this refund.';

create table notifications (
    id uuid constraint notifications_pkey primary key,
    fingerprint bytea not null constraint notifications_fingerprint_key unique,
    kind text not null constraint notifications_kind_check
        check (kind in ('payment', 'failure', 'cancellation', 'unreadable', 'source')),
    verdict text not null constraint notifications_verdict_check check (verdict in (
        'applied', 'waiting', 'source', 'unreadable', 'merchant', 'unknown_order', 'amount',
        'contradiction')),
    order_no text,
    transaction_id text,
    amount bigint,
    occurred_at timestamptz,
    raw text not null,
    copies integer not null default 1,
    first_at timestamptz not null,
    last_at timestamptz not null
);
comment on table notifications is
    'What KiwoomPay told us, one row for all copies of the same notification.';
comment on column notifications.fingerprint is 'SHA-256 of what makes it the same notification.';
comment on column notifications.verdict is
    'waiting: a cancellation whose payment has not been told of yet; applied after it.';
comment on column notifications.raw is 'As it came, decoded, card numbers masked.';
-- Serves the cancellations that wait for their payment.
create index notifications_waiting on notifications (order_no) where verdict = 'waiting';
-- Serves GET /webhook/health.
create index notifications_by_time on notifications (last_at);
