-- The books by movement of money: a row for each amount that came or went, which never changes. What a
-- payment is now says neither when its money came nor when some of it went back.

create table movements (
    id uuid constraint movements_pkey primary key,
    kind text not null constraint movements_kind_check check (kind in (
        'charge', 'window_payment', 'unexpected', 'refund', 'cancellation', 'unexpected_return')),
    amount bigint not null constraint movements_amount_check check (amount <> 0),
    tax_free_amount bigint not null,
    vat bigint not null generated always as (
        amount - tax_free_amount - round((amount - tax_free_amount) / 1.1)::bigint) stored,
    method text not null,
    card_company_code text,
    order_no text not null,
    transaction_id text,
    payment_id uuid not null constraint movements_payment_fkey references payments (id),
    refund_id uuid constraint movements_refund_fkey references refunds (id),
    subscription_id uuid,
    customer_id text,
    moved_at timestamptz not null,
    moved_on date not null generated always as ((moved_at at time zone 'Asia/Seoul')::date) stored,
    booked_at timestamptz not null,
    booked_on date not null,
    -- Both parts of an amount go the same way.
    constraint movements_tax_free_check check (
        tax_free_amount between least(amount, 0) and greatest(amount, 0))
);
comment on table movements is
    'Each amount that came (positive) or went (negative), in won. Append-only, written by the triggers of
payments and refunds in the transaction that records the outcome.';
comment on column movements.kind is
    'unexpected: taken though nobody asked for it so; a negative one turned out to be the money of the
payment itself. cancellation: made in the merchant pages of KiwoomPay.';
comment on column movements.vat is
    'VAT in won: the taxable part less that part / 1.1, rounded, the same way up and down.';
comment on column movements.method is
    'PAYMETHOD. UNKNOWN: a list of KiwoomPay''s proved a payment of the window and did not tell it.';
comment on column movements.card_company_code is 'CARDCODE, of registered cards.';
comment on column movements.order_no is 'The order number that KiwoomPay knows.';
comment on column movements.transaction_id is 'DAOUTRX of the payment.';
comment on column movements.moved_at is 'When KiwoomPay took it or gave it back.';
comment on column movements.booked_at is 'When it was recorded.';
comment on column movements.booked_on is
    'The day in Korea of booked_at, or the first day that is not closed when that one is.';
-- Serve GET /billing/movements, and the days that are not closed in GET /billing/summary.
create index movements_by_booked on movements (booked_on, id);
create index movements_by_moved on movements (moved_on, id);
-- Serve ?customerId=, ?kind= and ?method=.
create index movements_by_customer on movements (customer_id, booked_on, id);
create index movements_by_kind on movements (kind, booked_on, id);
create index movements_by_method on movements (method, booked_on, id);

create table movement_days (
    day date not null,
    kind text not null,
    method text not null,
    count bigint not null,
    amount bigint not null,
    tax_free_amount bigint not null,
    vat bigint not null,
    constraint movement_days_pkey primary key (day, kind, method)
);
comment on table movement_days is 'The movements of each closed day, summed up. day: booked_on.';

create table movements_closed (
    is_only boolean not null default true constraint movements_closed_pkey primary key
        constraint movements_closed_is_only_check check (is_only),
    through date
);
comment on table movements_closed is 'One row: the last closed day; null when none is.';
insert into movements_closed (through) values (null);

-- Nothing is booked on a closed day: what comes late stands on the first open one.
create function movement_day() returns trigger language plpgsql as $$
begin
    new.booked_on := greatest((new.booked_at at time zone 'Asia/Seoul')::date,
        (select through + 1 from movements_closed));
    return new;
end $$;
create trigger movements_day before insert on movements
    for each row execute function movement_day();

-- Both run as the owner of the tables: the service has no right to write movements itself.
create function payment_movement() returns trigger language plpgsql security definer as $$
declare
    sign int := case when new.state = 'approved' then 1 else -1 end;
begin
    insert into movements (id, kind, amount, tax_free_amount, method, card_company_code, order_no,
        transaction_id, payment_id, subscription_id, customer_id, moved_at, booked_at)
    values (new_event_id(),
        case new.kind when 'checkout' then 'window_payment' when 'unexpected' then 'unexpected'
            else 'charge' end,
        sign * new.amount, sign * new.tax_free_amount,
        coalesce(new.method, case when new.billing_key_id is null then 'UNKNOWN' else 'CARD' end),
        (select card_company_code from billing_keys where billing_keys.id = new.billing_key_id),
        split_part(new.order_no, '#', 1), coalesce(new.transaction_id, old.transaction_id), new.id,
        new.subscription_id, new.customer_id,
        coalesce(new.approved_at, event_setting('now')::timestamptz, now()),
        coalesce(event_setting('now')::timestamptz, now()));
    return null;
end $$;

create function refund_movement() returns trigger language plpgsql security definer as $$
declare
    sign int := case when new.state = 'refunded' then -1 else 1 end;
begin
    insert into movements (id, kind, amount, tax_free_amount, method, card_company_code, order_no,
        transaction_id, payment_id, refund_id, subscription_id, customer_id, moved_at, booked_at)
    select new_event_id(),
        case when p.kind = 'unexpected' then 'unexpected_return'
            when new.origin = 'gateway' then 'cancellation' else 'refund' end,
        sign * new.amount, sign * new.tax_free_amount,
        coalesce(p.method, case when p.billing_key_id is null then 'UNKNOWN' else 'CARD' end),
        (select card_company_code from billing_keys where billing_keys.id = p.billing_key_id),
        split_part(p.order_no, '#', 1), p.transaction_id, p.id, new.id, p.subscription_id,
        p.customer_id, coalesce(new.refunded_at, event_setting('now')::timestamptz, now()),
        coalesce(event_setting('now')::timestamptz, now())
    from payments p where p.id = new.payment_id;
    return null;
end $$;

-- Closes the days before `today`, a day in Korea. Gives the last closed day, which is an earlier one
-- when a writer has been at it for two seconds: the next call tries again. An autovacuum of the table
-- gives way after one (deadlock_timeout).
create function close_movements(today date) returns date language plpgsql security definer
set lock_timeout = '2s' as $$
declare
    closed date := (select through from movements_closed);
begin
    if closed >= today - 1 then return closed; end if;
    -- Whoever is writing a movement is waited for. One that begins now waits, and sees the day closed.
    lock table movements in share row exclusive mode;
    -- Another process may have been here.
    closed := (select through from movements_closed);
    if closed >= today - 1 then return closed; end if;
    insert into movement_days (day, kind, method, count, amount, tax_free_amount, vat)
    select booked_on, kind, method, count(*), sum(amount), sum(tax_free_amount), sum(vat)
    from movements where booked_on < today and (closed is null or booked_on > closed)
    group by booked_on, kind, method;
    update movements_closed set through = today - 1;
    return today - 1;
exception when lock_not_available then
    return closed;
end $$;
revoke all on function payment_movement, refund_movement, close_movements from public;

-- As in 0012: no temporary table is taken for one of the books.
do $$ begin
    execute format('alter function movement_day() set search_path = %I, pg_temp', current_schema());
    execute format('alter function payment_movement() set search_path = %I, pg_temp',
        current_schema());
    execute format('alter function refund_movement() set search_path = %I, pg_temp',
        current_schema());
    execute format('alter function close_movements(date) set search_path = %I, pg_temp',
        current_schema());
end $$;

-- What is in the books already, booked when it was settled. Earlier versions wrote down of a refund only
-- when it went back.
insert into movements (id, kind, amount, tax_free_amount, method, card_company_code, order_no,
    transaction_id, payment_id, subscription_id, customer_id, moved_at, booked_at)
select new_event_id(),
    case p.kind when 'checkout' then 'window_payment' when 'unexpected' then 'unexpected'
        else 'charge' end,
    p.amount, p.tax_free_amount,
    coalesce(p.method, case when p.billing_key_id is null then 'UNKNOWN' else 'CARD' end),
    k.card_company_code, split_part(p.order_no, '#', 1), p.transaction_id, p.id, p.subscription_id,
    p.customer_id, coalesce(p.approved_at, p.settled_at, p.created_at),
    coalesce(p.settled_at, p.approved_at, p.created_at)
from payments p left join billing_keys k on k.id = p.billing_key_id
where p.state = 'approved'
order by coalesce(p.settled_at, p.approved_at, p.created_at), p.id;
insert into movements (id, kind, amount, tax_free_amount, method, card_company_code, order_no,
    transaction_id, payment_id, refund_id, subscription_id, customer_id, moved_at, booked_at)
select new_event_id(),
    case when p.kind = 'unexpected' then 'unexpected_return'
        when r.origin = 'gateway' then 'cancellation' else 'refund' end,
    -r.amount, -r.tax_free_amount,
    coalesce(p.method, case when p.billing_key_id is null then 'UNKNOWN' else 'CARD' end),
    k.card_company_code, split_part(p.order_no, '#', 1), p.transaction_id, p.id, r.id,
    p.subscription_id, p.customer_id, coalesce(r.refunded_at, r.created_at),
    case when r.origin = 'gateway' then r.created_at else coalesce(r.refunded_at, r.created_at) end
from refunds r join payments p on p.id = r.payment_id
    left join billing_keys k on k.id = p.billing_key_id
where r.state = 'refunded'
order by coalesce(r.refunded_at, r.created_at), r.id;

-- Money that has come stays: only unexpected money turns out to be another payment's own.
create trigger payments_movement_of_new after insert on payments
    for each row when (new.state = 'approved') execute function payment_movement();
create trigger payments_movement after update on payments
    for each row when ((old.state = 'approved') <> (new.state = 'approved'))
    execute function payment_movement();
create trigger refunds_movement_of_new after insert on refunds
    for each row when (new.state = 'refunded') execute function refund_movement();
create trigger refunds_movement after update on refunds
    for each row when ((old.state = 'refunded') <> (new.state = 'refunded'))
    execute function refund_movement();

create trigger movements_are_kept before update or delete on movements
    for each row execute function refuse('movements are append-only');
create trigger movements_are_not_emptied before truncate on movements
    for each statement execute function refuse('movements are append-only');
create trigger movement_days_are_kept before update or delete on movement_days
    for each row execute function refuse('closed days are kept');
create trigger movement_days_are_not_emptied before truncate on movement_days
    for each statement execute function refuse('closed days are kept');
