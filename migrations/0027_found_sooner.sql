-- What is looked for among millions.

-- Serves POST /events/redeliver. Events come in about the order of their time: a few kilobytes do.
create index events_by_time on events using brin (created_at);
-- Serves GET /billing/payments?status=refunded and partially_refunded.
create index payments_refunded on payments (id desc) where state = 'approved' and refunded_amount > 0;
-- Serves GET /audit?actor=.
create index events_by_actor on events (actor, position);
-- Serves GET /billing/overview and GET /notifications?state=review: of all that is left to a person.
drop index notifications_for_review;
create index notifications_for_review on notifications (last_at) where verdict in
    ('unexpected', 'review', 'unknown_kind', 'unknown_order', 'amount', 'contradiction');
