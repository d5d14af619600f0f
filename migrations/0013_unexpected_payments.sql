-- Money that KiwoomPay says was taken though no order asked for it so, what each order offered, and
-- notifications that tell of no money.

alter table payments
    add column methods text[],
    add column order_id uuid constraint payments_order_fkey references payments (id),
    add column unexpected text constraint payments_unexpected_reason_check check (unexpected in
        ('already_paid', 'other_amount', 'order_closed', 'method_not_offered')),
    drop constraint payments_kind_check,
    add constraint payments_kind_check
        check (kind in ('one_off', 'subscription', 'checkout', 'unexpected')),
    add constraint payments_unexpected_check check (
        (kind = 'unexpected') = (order_id is not null)
        and (kind = 'unexpected') = (unexpected is not null));
comment on column payments.methods is
    'Hosted window: PAYMETHOD of each method that it offered; null = all (orders from before).';
comment on column payments.order_id is
    'The payment that KiwoomPay named the order number of, when this is unexpected money.';
comment on column payments.unexpected is 'Why the money is not the payment that was asked for.';
comment on column payments.order_no is
    'Of unexpected money the order number it was told with, # and the transaction id: callers'' order
numbers have no #.';
-- Serves the unexpected money of an order.
create index payments_unexpected on payments (order_id, id) where kind = 'unexpected';

-- What an order offered is one of its terms.
drop trigger payments_terms_are_kept on payments;
create trigger payments_terms_are_kept
    before update of tax_free_amount, product_name, customer_id, customer_name, customer_email,
        expires_at, methods
    on payments for each row
    when (old.kind <> 'checkout' or old.state not in ('ready', 'expired', 'declined'))
    execute function refuse('the terms of a payment are kept');

create or replace function payment_event(old jsonb, new jsonb) returns text
language plpgsql immutable as $$
declare
    is_order boolean := coalesce(new, old)->>'kind' = 'checkout';
    refunded boolean := (new->>'refunded_amount')::bigint > (old->>'refunded_amount')::bigint;
    rest bigint := (new->>'amount')::bigint - (new->>'refunded_amount')::bigint;
    state text := new->>'state';
begin
    return case
        when new is null then 'not_sent'
        when old is null and new->>'kind' = 'unexpected' then 'unexpected'
        when old is null then 'created'
        when state <> old->>'state' then case
            when not is_order then state
            when state = 'approved' then 'paid'
            when state = 'declined' then 'failed'
            when state = 'ready' then 'reopened'
            else state end
        when refunded and is_order and rest = 0 then 'canceled'
        when refunded and is_order then 'partially_canceled'
        when refunded and rest = 0 then 'refunded'
        when refunded then 'partially_refunded'
        else 'updated'
    end;
end $$;

alter table notifications
    drop constraint notifications_kind_check,
    add constraint notifications_kind_check check (kind in (
        'payment', 'failure', 'cancellation', 'other', 'unreadable', 'source')),
    drop constraint notifications_verdict_check,
    add constraint notifications_verdict_check check (verdict in (
        'applied', 'waiting', 'unexpected', 'review', 'source', 'unreadable', 'merchant',
        'unknown_kind', 'unknown_order', 'amount', 'contradiction'));
-- Serves the cancellations that wait for their payment and have no order number.
create index notifications_waiting_transaction on notifications (transaction_id)
    where verdict = 'waiting';
-- Serves the copies of a cancellation without a date.
create index notifications_undated on notifications (transaction_id, first_at)
    where kind = 'cancellation' and occurred_at is null;
