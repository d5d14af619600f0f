-- How often a subscription is billed.

alter table subscriptions
    add column billing_interval text not null default 'month'
        constraint subscriptions_interval_check check (billing_interval in ('week', 'month', 'year')),
    add column interval_count smallint not null default 1
        constraint subscriptions_interval_count_check check (interval_count between 1 and 52),
    add constraint subscriptions_weekday_check
        check (billing_interval <> 'week' or cycle_day between 1 and 7);
comment on column subscriptions.billing_interval is
    'Unit of the time between two billing dates; with week, cycle_day is the day of the week, 1 = Monday.';
comment on column subscriptions.interval_count is 'How many of them lie between two billing dates.';
