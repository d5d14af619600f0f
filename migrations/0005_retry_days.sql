-- Retry days of one subscription, in place of the service's RETRY_DAYS.

alter table subscriptions
    add column retry_days smallint[]
        constraint subscriptions_retry_days_check check (cardinality(retry_days) <= 10);
comment on column subscriptions.retry_days is
    'Days after the first declined attempt of a period; null = RETRY_DAYS, empty = no retry.';
