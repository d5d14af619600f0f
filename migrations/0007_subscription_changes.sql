-- Pausing until a date, and the tax-free part of what a subscription is charged.

alter table subscriptions
    add column resume_on date,
    add column tax_free_amount bigint not null default 0
        constraint subscriptions_tax_free_check check (tax_free_amount between 0 and amount);
comment on column subscriptions.resume_on is 'While it is paused: the day on which it goes on.';
comment on column subscriptions.tax_free_amount is 'Part of the amount, in won.';
