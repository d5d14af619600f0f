-- What lists are searched by, and what waits for a person is counted by.

-- Serves GET /notifications?orderId= and ?transactionId=.
create index notifications_by_order on notifications (order_no);
create index notifications_by_transaction on notifications (transaction_id);
-- The rest serves GET /billing/overview, and the second one GET /billing/payments?card=.
create index notifications_for_review on notifications (last_at) where verdict in
    ('review', 'unknown_kind', 'unknown_order', 'amount', 'contradiction');
create index billing_keys_by_last_digits on billing_keys (right(card_number_masked, 4));
create index billing_keys_by_expiry on billing_keys (card_expires) where status = 'active';
create index event_deliveries_given_up on event_deliveries (position) where state = 'given_up';
create index payments_late on payments (approved_at) where late;
create index subscription_segments_by_end on subscription_segments (ends_on);
