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

-- Trials and ends.

alter table subscriptions
    add column trial_end date,
    add column end_date date,
    add column cycles_left smallint
        constraint subscriptions_cycles_left_check check (cycles_left between 0 and 600);
comment on column subscriptions.trial_end is 'With a trial: the first billing date.';
comment on column subscriptions.end_date is
    'No period that would begin on this day or later is charged.';
comment on column subscriptions.cycles_left is 'How many periods are still to be charged; null = no limit.';
-- Serves the notice that a trial ends.
create index subscriptions_trial on subscriptions (trial_end) where period_start < trial_end;
