-- What the service's role may do, and nothing else: `kiwoom-billing migrate --grant-to <role>` runs
-- this as the owner of the tables, again and again without harm. Every table has its lines here.
-- An UPDATE names the columns that the service changes; no other column ever changes.

revoke all on all tables in schema :"schema" from :"role";
revoke all on all sequences in schema :"schema" from :"role";
revoke create on schema :"schema" from public, :"role";
revoke temporary on database :"database" from public, :"role";
grant connect on database :"database" to :"role";
grant usage on schema :"schema" to :"role";

-- The books. DELETE takes back an intent for which nothing was sent; triggers refuse it for all
-- other rows (payments_are_kept, refunds_are_kept).
grant select, insert, delete on payments to :"role";
grant update (state, sender, method, transaction_id, auth_number, failure_code, failure_message,
    merchant_setting, resolve_reason, approved_at, settled_at, late, refunding_amount,
    refunded_amount, cpid)
    on payments to :"role";
-- An order that is not paid yet may be opened again on other terms, never for another amount; of all
-- other payments a trigger keeps these too (payments_terms_are_kept).
grant update (tax_free_amount, product_name, customer_id, customer_name, customer_email, expires_at,
    methods, earlier_cpids)
    on payments to :"role";
grant select, insert, delete on refunds to :"role";
grant update (state, sender, transaction_id, failure_code, failure_message, resolve_reason,
    refunded_at, confirmed_by)
    on refunds to :"role";

-- Append-only: the trail, the customers' consents, the delivery log. The trigger that writes an event
-- runs as the service, which so has to have the right. By itself the service can only say which notice is
-- to be given: what it holds is the trigger's (events_tell_of_changes).
grant select on events to :"role";
grant insert (id, type, object, object_id, subscription_id, stream, notice, actor, request_id,
    reason, before, after, created_at)
    on events to :"role";
grant select, insert on event_data to :"role";
grant select, insert on price_consents to :"role";
grant select on delivery_attempts to :"role";
grant insert (event_id, endpoint_id, millis, status, failure) on delivery_attempts to :"role";

-- Movements of money are written by triggers, and days are closed by a function, which run as the
-- owner: the service only reads them.
grant select on movements to :"role";
grant select on movement_days to :"role";
grant select on movements_closed to :"role";
grant execute on function close_movements to :"role";

-- Sums for the overview, made again from the payments at any time.
grant select, insert, delete on attempt_days to :"role";
grant select, insert on attempt_day_declines to :"role";
grant select, insert on attempt_day_retries to :"role";
grant select, insert, delete on attempt_days_changed to :"role";

-- Which builds this schema is for.
grant select on schema_compatibility to :"role";

grant select, insert on billing_keys to :"role";
grant update (status, deleted_at, expiry_noticed, inactive_at, inactive_code, inactive_message)
    on billing_keys to :"role";

-- A deleted key loses its AUTOKEY, and nothing else of it is rewritten.
grant select on forgotten_autokeys to :"role";
grant execute on function forget_autokey to :"role";

-- What is kept for how long, the erasure of a customer and two accounts that become one: as the owner,
-- within the law's limits.
grant select on retention_progress to :"role";
grant execute on function forget, erase_customer, merge_customers to :"role";

-- Data keys are made at the first start, and wrapped anew at a start with a new secret. To replace
-- them and to encrypt billing keys again is the operator's (`kiwoom-billing keys rotate`).
grant select, insert on data_keys to :"role";
grant update (wrapped, retired_at) on data_keys to :"role";

-- Made and revoked by the operator (`kiwoom-billing keys`).
grant select on api_keys to :"role";

-- Sign-in and sign-out of the console, and what has ended.
grant select, insert, delete on console_sessions to :"role";
grant update (seen_at) on console_sessions to :"role";

-- DELETE: a first charge that failed leaves no subscription (subscriptions_are_kept).
grant select, insert, delete on subscriptions to :"role";
grant update (plan_id, billing_key_id, amount, tax_free_amount, product_name, cycle_day, metadata,
    status, period_start, next_billing_date, next_attempt_at, retry_days, retry_attempt, retry_base,
    retry_at, resume_on, cancel_at_period_end, canceled_at, cancel_reason, pending_amount,
    pending_tax_free_amount, trial_end, end_date, cycles_left, renewal_noticed, leased_by,
    leased_until, begins, starts_on, first_period, trial_days, proration, total_cycles,
    pause_at_period_end, credit, credit_tax_free, carried, carried_tax_free, billing_interval,
    interval_count, pending_interval, pending_interval_count, pending_cycle_day, consent_id, kept,
    undo, undo_labels, next_segment, next_charge, canceled_on, period_kind, period_reason,
    paid_through, next_charge_date, next_charge_start, next_charge_end, next_charge_amount,
    next_charge_reason, rise_on, rise_amount, consent_from, told, legacy_end, legacy_pause,
    revision)
    on subscriptions to :"role";

-- Their paid time. DELETE: what gets other days is written anew, and what was not sent is taken
-- back; a charge that was approved stays (subscription_charges_are_kept).
grant select, insert, delete on subscription_segments to :"role";
grant update (kind, reason, charge_no, amount, tax_free_amount, rate_amount, rate_tax_free,
    rate_twelfths, of_days, phase, uses_cycle)
    on subscription_segments to :"role";
grant select, insert, delete on subscription_phases to :"role";
grant select, insert, delete on subscription_charges to :"role";
grant update (days, amount, tax_free_amount, credit, credit_tax_free, carried_in, carried_in_tax_free,
    carried_out, carried_out_tax_free, credited, credited_tax_free, state, counts, is_retry)
    on subscription_charges to :"role";

-- Payment page links: what they ask for stays.
grant select, insert on payment_links to :"role";
grant update (state, charge_no, payment_id, amount, tax_free_amount, expires_at, opened_at,
    canceled_at, ended_at)
    on payment_links to :"role";

grant select, insert on notifications to :"role";
grant update (verdict, copies, last_at) on notifications to :"role";

grant select, insert on idempotency_keys to :"role";
grant update (id, sender, started_at, status, body, applied) on idempotency_keys to :"role";

grant select on event_deliveries to :"role";
grant insert (event_id, endpoint_id, stream, position, next_at) on event_deliveries to :"role";
grant update (state, attempts, next_at, leased_until, refused, planned_at)
    on event_deliveries to :"role";
grant select on webhook_endpoints to :"role";
grant insert (id, url, description, types, enabled, secret, position, created_at)
    on webhook_endpoints to :"role";
grant update (url, description, types, enabled, secret, previous_secret, previous_secret_until,
    position, revision, deleted_at)
    on webhook_endpoints to :"role";

grant select, insert on gateway_turns to :"role";
grant update (next_at) on gateway_turns to :"role";

-- The service confirms a new database. That charging goes on with another one is the operator's
-- word, given as the owner (`kiwoom-billing resume-charging`).
grant select, insert on database_identity to :"role";
grant select on charging_resumptions to :"role";
grant select, insert (reason) on charging_pauses to :"role";

-- The first start says to which environment the books belong; `kiwoom-billing adopt` is the owner's.
grant select, insert on environment to :"role";

grant select, insert on processes to :"role";
grant update (seen_at, ended_at) on processes to :"role";

-- Which migrations have been applied.
grant select on _sqlx_migrations to :"role";

-- The usual outcome of a charge, in one statement.
grant execute on function approve_charge to :"role";

-- What the triggers call as the service, and the identity of the database.
grant execute on function new_event_id, event_setting, payment_event, subscription_event,
    refund_event, billing_key_event, is_erasure, money_tables, make_test_event, event_horizon
    to :"role";

grant usage on sequence instance_number, data_keys_id_seq to :"role";
grant usage, select on sequence event_positions to :"role";
