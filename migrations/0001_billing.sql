-- Card subscriptions: billing keys, subscriptions, payments, refunds, idempotency keys.
-- Amounts are whole Korean won. Dates are dates in Korea; instants are timestamptz.

create sequence instance_number as integer;
comment on sequence instance_number is
    'Each running process takes one number and holds the advisory lock of that number while it lives.';

create table billing_keys (
    id uuid constraint billing_keys_pkey primary key,
    customer_id text not null,
    customer_name text not null,
    customer_email text,
    autokey bytea not null,
    card_company_code text not null,
    card_number_masked text not null,
    status text not null constraint billing_keys_status_check check (status in ('active', 'deleted')),
    created_at timestamptz not null,
    deleted_at timestamptz
);
comment on table billing_keys is 'Cards registered at KiwoomPay. The card itself is never stored.';
comment on column billing_keys.autokey is
    'KiwoomPay''s AUTOKEY: key id, nonce and AES-256-GCM ciphertext; the row id is associated data.';
comment on column billing_keys.card_number_masked is 'First six and last four digits.';
-- Serves GET /billing/keys?customerId=, newest first.
create index billing_keys_by_customer on billing_keys (customer_id, id desc);

create table subscriptions (
    id uuid constraint subscriptions_pkey primary key,
    customer_id text not null,
    plan_id text not null,
    billing_key_id uuid not null
        constraint subscriptions_billing_key_fkey references billing_keys (id),
    amount bigint not null
        constraint subscriptions_amount_check check (amount between 1 and 9999999999),
    product_name text not null,
    cycle_day smallint not null
        constraint subscriptions_cycle_day_check check (cycle_day between 1 and 31),
    status text not null constraint subscriptions_status_check
        check (status in ('incomplete', 'active', 'past_due', 'paused', 'unpaid', 'canceled')),
    period_start date not null,
    next_billing_date date not null,
    retry_attempt smallint not null default 0,
    retry_base date,
    retry_at timestamptz,
    next_attempt_at timestamptz,
    leased_by integer,
    leased_until timestamptz,
    cancel_at_period_end boolean not null default false,
    canceled_at timestamptz,
    cancel_reason text,
    metadata jsonb not null default '{}',
    created_at timestamptz not null,
    constraint subscriptions_period_check check (period_start <= next_billing_date)
);
comment on table subscriptions is 'What is charged, to which card, on which day of the month.';
comment on column subscriptions.cycle_day is
    'The anchor day. Remembered as asked for: 31 bills on 28 February and again on 31 March.';
comment on column subscriptions.status is
    'incomplete: its first charge (chargeNow) is under way or unknown; not shown to callers.';
comment on column subscriptions.period_start is
    'First day of the current period, which ends before next_billing_date.';
comment on column subscriptions.retry_base is 'Day of the first declined attempt of the period.';
comment on column subscriptions.next_attempt_at is
    'The next moment at which the scheduler has something to do; null while a charge is under way.';
comment on column subscriptions.leased_by is 'instance_number of the process that works on it.';
comment on column subscriptions.leased_until is
    'By the database''s own clock: until then one process works on the row. Spreads work only.';
-- One live subscription for each customer and plan.
create unique index subscriptions_one_live on subscriptions (customer_id, plan_id)
    where status <> 'canceled';
-- Serves the scheduler's claim and the next due moment.
create index subscriptions_due on subscriptions (next_attempt_at) where next_attempt_at is not null;
-- Serves GET /billing/subscriptions?customerId=.
create index subscriptions_by_customer on subscriptions (customer_id, id desc);
-- Serves GET /billing/subscriptions?planId=.
create index subscriptions_by_plan on subscriptions (plan_id, id desc);
-- Serves GET /billing/subscriptions?status=.
create index subscriptions_by_status on subscriptions (status, id desc);
-- Serves the check that a billing key is not in use before it is deleted.
create index subscriptions_by_billing_key on subscriptions (billing_key_id)
    where status <> 'canceled';

create table payments (
    id uuid constraint payments_pkey primary key,
    order_no text not null constraint payments_order_no_key unique,
    kind text not null constraint payments_kind_check
        check (kind in ('one_off', 'subscription', 'checkout')),
    state text not null constraint payments_state_check check (state in (
        'ready', 'sending', 'approved', 'declined', 'unknown', 'expired', 'closed', 'mismatch')),
    amount bigint not null
        constraint payments_amount_check check (amount between 1 and 9999999999),
    tax_free_amount bigint not null default 0
        constraint payments_tax_free_check check (tax_free_amount between 0 and amount),
    refunded_amount bigint not null default 0,
    refunding_amount bigint not null default 0,
    product_name text not null,
    customer_id text,
    customer_name text,
    billing_key_id uuid constraint payments_billing_key_fkey references billing_keys (id),
    subscription_id uuid constraint payments_subscription_fkey
        references subscriptions (id) on delete set null,
    period_start date,
    period_end date,
    initiated_by text not null constraint payments_initiated_by_check
        check (initiated_by in ('scheduler', 'merchant', 'buyer')),
    sender integer,
    method text,
    transaction_id text,
    auth_number text,
    failure_code text,
    failure_message text,
    resolve_reason text,
    created_at timestamptz not null,
    sent_at timestamptz,
    approved_at timestamptz,
    settled_at timestamptz,
    constraint payments_refunds_within_amount check (
        refunded_amount >= 0 and refunding_amount >= 0
        and refunded_amount + refunding_amount <= amount),
    constraint payments_approved_has_transaction
        check (state <> 'approved' or transaction_id is not null)
);
comment on table payments is
    'Every attempt to take money. One row = one order number = at most one call that moves money.';
comment on column payments.state is
    'sending is committed before the gateway is called; unknown means that the answer was lost.';
comment on column payments.refunding_amount is
    'Held for refunds that are under way or whose outcome is unknown.';
comment on column payments.period_end is 'The day after the last day of the period paid for.';
comment on column payments.sender is 'instance_number of the process that made the call.';
comment on column payments.sent_at is 'By the database''s own clock: when the intent was written.';
-- At most one attempt of a period that has not finally failed: nobody pays a period twice.
create unique index payments_one_per_period on payments (subscription_id, period_start)
    where kind = 'subscription' and state <> 'declined';
-- A gateway transaction belongs to one payment.
create unique index payments_transaction on payments (transaction_id)
    where transaction_id is not null;
-- Serves the attempts of a subscription, and GET /billing/payments?subscriptionId=.
create index payments_by_subscription on payments (subscription_id, id desc);
-- Serves GET /billing/payments?customerId=.
create index payments_by_customer on payments (customer_id, id desc);
-- Serves recovery of calls cut short, the count of unknown outcomes, and ?status=unknown.
create index payments_unsettled on payments (state, id desc) where state in ('sending', 'unknown');
-- Serves GET /billing/payments?status=.
create index payments_by_state on payments (state, id desc);
-- Serves GET /billing/payments?from=&to=.
create index payments_by_time on payments (created_at);

create table refunds (
    id uuid constraint refunds_pkey primary key,
    payment_id uuid not null constraint refunds_payment_fkey references payments (id),
    amount bigint not null constraint refunds_amount_check check (amount between 1 and 9999999999),
    tax_free_amount bigint not null default 0
        constraint refunds_tax_free_check check (tax_free_amount between 0 and amount),
    state text not null constraint refunds_state_check
        check (state in ('sending', 'refunded', 'declined', 'unknown')),
    reason text,
    sender integer,
    transaction_id text,
    failure_code text,
    failure_message text,
    resolve_reason text,
    created_at timestamptz not null,
    sent_at timestamptz not null,
    refunded_at timestamptz
);
comment on table refunds is 'Every attempt to give money back; the same three steps as a charge.';
-- Serves the refunds of a payment.
create index refunds_by_payment on refunds (payment_id, id desc);
-- Serves recovery of calls cut short, and the list of unknown refunds.
create index refunds_unsettled on refunds (state, id desc) where state in ('sending', 'unknown');

create table idempotency_keys (
    id uuid constraint idempotency_keys_pkey primary key,
    api_key_id text not null,
    method text not null,
    path text not null,
    key text not null,
    body_mac bytea not null,
    sender integer not null,
    started_at timestamptz not null,
    status smallint,
    body bytea,
    constraint idempotency_keys_scope_key unique (api_key_id, method, path, key)
);
comment on table idempotency_keys is
    'The first answer to each Idempotency-Key. The id is also the id of what the request makes.';
comment on column idempotency_keys.body_mac is
    'HMAC-SHA-256 of the request body: tells another body apart without keeping a guessable hash.';
comment on column idempotency_keys.status is 'HTTP status of the answer; null while it runs.';
