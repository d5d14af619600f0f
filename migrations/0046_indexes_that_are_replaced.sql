-- What 0045 has in a narrower form: each of these was written twice by every charge.
drop index payments_by_state, payments_unsettled, payments_refunded, payments_by_subscription,
    events_by_subscription;
-- Of the new statistics, before anybody asks.
analyze subscriptions;
