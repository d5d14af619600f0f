-- Payment page links: an address at which a customer pays an order, or what a subscription owes, in the
-- payment window. Who pays is told by the payment and the subscription alone, and the address is made of
-- the id and the secret: neither is kept here.

create table payment_links (
    id uuid constraint payment_links_pkey primary key,
    subscription_id uuid constraint payment_links_subscription_fkey references subscriptions (id),
    charge_no integer,
    payment_id uuid constraint payment_links_payment_fkey references payments (id),
    state text not null constraint payment_links_state_check check (state in (
        'open', 'opened', 'paid', 'expired', 'canceled', 'unknown')),
    amount bigint not null
        constraint payment_links_amount_check check (amount between 1 and 9999999999),
    tax_free_amount bigint not null
        constraint payment_links_tax_free_check check (tax_free_amount between 0 and amount),
    product_name text not null,
    methods text[] not null,
    automatic boolean not null default false,
    retry_at timestamptz,
    expires_at timestamptz not null,
    created_at timestamptz not null,
    opened_at timestamptz,
    canceled_at timestamptz,
    ended_at timestamptz,
    constraint payment_links_subject_check
        check (subscription_id is not null or payment_id is not null),
    constraint payment_links_opened_check check (state <> 'opened' or payment_id is not null),
    constraint payment_links_ended_check
        check ((ended_at is null) = (state in ('open', 'opened')))
);
comment on column payment_links.charge_no is
    'Of a subscription: the charge that was declined and is tried again; null while none is begun.';
comment on column payment_links.payment_id is
    'The order, from the start; of a subscription the attempt, from the first window on.';
comment on column payment_links.state is
    'opened: a window was shown, and money may be taken from now on. unknown: it ended after that, and
nobody knows yet whether money was taken.';
comment on column payment_links.automatic is
    'Made for an event that carries it: it keeps nothing from being charged, and ends with that.';
comment on column payment_links.retry_at is
    'When the retry was planned that waits while the link lives.';
-- A subscription has one at a time.
create unique index payment_links_live on payment_links (subscription_id)
    where state in ('open', 'opened');
-- Serves the payment that settles a link.
create index payment_links_payment on payment_links (payment_id);
-- Serves the expiry, and the next such moment.
create index payment_links_expiring on payment_links (expires_at) where state in ('open', 'opened');

-- A link ends with its payment, in the same transaction, whoever settles that. A failed try in the window
-- ends no order: it can be paid still.
create function follow_payment() returns trigger language plpgsql as $$
begin
    update payment_links l
    set state = f.state, ended_at = coalesce(event_setting('now')::timestamptz, now())
    from (select id, case
            when new.state = 'approved' then 'paid'
            when new.state = 'expired' then 'expired'
            when new.state = 'closed' then 'canceled'
            when new.state in ('unknown', 'mismatch') then 'unknown'
            when new.state = 'declined' and subscription_id is not null then
                case when canceled_at is null then 'expired' else 'canceled' end
            end as state
        from payment_links where payment_id = new.id) f
    where l.id = f.id and l.state <> f.state;
    return null;
end $$;
create trigger payments_link after update of state on payments
    for each row when (old.state <> new.state and new.initiated_by = 'buyer')
    execute function follow_payment();

alter table events drop constraint events_object_check;
alter table events add constraint events_object_check check
    (object in ('billing_key', 'subscription', 'payment', 'order', 'refund', 'customer',
        'webhook_endpoint', 'link')) not valid;

create function record_link_event() returns trigger language plpgsql as $$
declare
    old_row jsonb := case when tg_op = 'UPDATE' then to_jsonb(old) end;
    what text := case when old_row is null then 'created' else new.state end;
begin
    insert into events (id, type, object, object_id, subscription_id, stream, actor, request_id, before,
        after, created_at)
    values (new_event_id(), 'link.' || what, 'link', new.id, new.subscription_id,
        coalesce(new.subscription_id, new.payment_id, new.id),
        coalesce(event_setting('actor'), 'scheduler'), event_setting('request'), old_row, to_jsonb(new),
        coalesce(event_setting('now')::timestamptz, now()));
    return null;
end $$;
create trigger payment_links_created after insert on payment_links
    for each row execute function record_link_event();
create trigger payment_links_changed after update of state on payment_links
    for each row when (old.state <> new.state) execute function record_link_event();

-- 0012 says why.
do $$
declare
    name text;
begin
    foreach name in array array['follow_payment()', 'record_link_event()'] loop
        execute format('alter function %s set search_path = %I, pg_temp', name, current_schema());
    end loop;
end $$;
