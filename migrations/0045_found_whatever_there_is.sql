-- no-transaction
-- What is rare is found without a look at all that is not. A row is in as few of these as can be: an approved
-- charge of a card is in payments_by_cards and payments_by_amount, whose order a list needs.

-- Serve GET /billing/payments?status=.
create index concurrently payments_declined on payments (id desc)
    where state in ('declined', 'expired', 'closed') and merchant_setting is null;
create index concurrently payments_refused on payments (id desc)
    where state = 'declined' and merchant_setting is not null;
create index concurrently payments_refunded_in_part on payments (id desc)
    where state = 'approved' and refunded_amount > 0 and refunded_amount < amount;
create index concurrently payments_refunded_in_full on payments (id desc)
    where state = 'approved' and refunded_amount > 0 and refunded_amount = amount;
-- Serves pending and unknown there, the recovery of calls that were cut short, and the count of unknown outcomes.
create index concurrently payments_open on payments (state, id desc)
    where state in ('ready', 'sending', 'unknown', 'mismatch');
-- Serve ?source=, which has the default card.
create index concurrently payments_by_cards on payments (id desc) where kind <> 'checkout';
create index concurrently payments_by_window on payments (id desc) where kind = 'checkout';
-- Serves ?minAmount=&maxAmount=.
create index concurrently payments_by_amount on payments (amount, id desc);
-- Serves the attempts of a subscription, ?subscriptionId= and ?metadata=.
create index concurrently payments_of_subscriptions on payments (subscription_id, id desc)
    where subscription_id is not null;

-- Serves GET /events?subscriptionId=.
create index concurrently events_of_subscriptions on events (subscription_id, position)
    where subscription_id is not null;
-- A notice is given once; of all other events it is null.
create unique index concurrently events_notices on events (notice) where notice is not null;
-- Serves GET /events?endpointId=, beside those of what waits and what was given up.
create index concurrently event_deliveries_delivered on event_deliveries (endpoint_id, position)
    where state = 'delivered';

-- Serves GET /billing/refunds?status=declined.
create index concurrently refunds_declined on refunds (id desc) where state = 'declined';
-- Serves GET /notifications?state=refused.
create index concurrently notifications_refused on notifications (id desc)
    where verdict in ('source', 'unreadable', 'merchant');
-- Serves GET /billing/keys?status=inactive, and what asks which subscriptions have no such card.
create index concurrently billing_keys_inactive on billing_keys (id desc) where inactive_at is not null;
-- Serve GET /easypay/links?subscriptionId=, ?customerId= and ?status=.
create index concurrently payment_links_by_subscription on payment_links (subscription_id, id desc)
    where subscription_id is not null;
create index concurrently payment_links_by_state on payment_links (state, id desc);
-- Serves GET /billing/subscriptions?minAmount=&maxAmount=, by the amount that answers show.
create index concurrently subscriptions_by_amount on subscriptions (
    (case when pending_amount < amount then pending_amount else amount end), id desc);
-- Serves ?metadata= there and of payments.
create index concurrently subscriptions_by_metadata on subscriptions using gin (metadata_pairs(metadata))
    where metadata <> '{}';
