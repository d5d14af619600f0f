-- A higher price waits for its day, and the customer's consent to it is evidence (전자상거래법
-- 제13조 제6항: within the 30 days before the rise).

alter table subscriptions
    add column pending_amount bigint
        constraint subscriptions_pending_amount_check check (pending_amount > amount),
    add column pending_tax_free_amount bigint
        constraint subscriptions_pending_tax_free_check
        check (pending_tax_free_amount between 0 and pending_amount),
    add column pending_rise uuid,
    add constraint subscriptions_pending_check
        check (num_nulls(pending_amount, pending_tax_free_amount, pending_rise) in (0, 3));
comment on column subscriptions.pending_amount is
    'The higher amount that is to hold from the next period on, in won.';
comment on column subscriptions.pending_tax_free_amount is 'The tax-free part of pending_amount.';
comment on column subscriptions.pending_rise is
    'Tells the rise that is pending from those before it: a consent is to one of them.';
-- Serves the next notice of a rise.
create index subscriptions_price_rise on subscriptions (next_billing_date)
    where pending_amount is not null;

create table price_consents (
    id uuid constraint price_consents_pkey primary key,
    subscription_id uuid not null constraint price_consents_subscription_fkey
        references subscriptions (id),
    rise uuid not null,
    old_amount bigint not null,
    new_amount bigint not null constraint price_consents_amount_check
        check (new_amount > old_amount),
    effective_date date not null,
    consented_at timestamptz not null,
    method text not null,
    evidence text,
    created_at timestamptz not null
);
comment on table price_consents is
    'The customers'' consents to price rises. Append-only: they are evidence.';
comment on column price_consents.effective_date is
    'The billing date from which the new amount was to hold, as it stood then.';
-- Serves GET /billing/subscription/:id/consents and the day of the rise.
create index price_consents_by_subscription on price_consents (subscription_id, id);

create function keep_price_consents() returns trigger language plpgsql as $$
begin
    raise exception 'price_consents are append-only';
end $$;
create trigger price_consents_are_kept before update or delete on price_consents
    for each row execute function keep_price_consents();
create trigger price_consents_are_not_emptied before truncate on price_consents
    for each statement execute function keep_price_consents();
