//! The columns of payments and refunds, as they are read. They are named in every statement: with `*`
//! a statement that PostgreSQL has cached fails on each warm connection once a migration adds a
//! column (0A000), in the middle of a charge too.

/// The columns of [`super::Payment`].
macro_rules! payment_columns {
    () => {
        "id, order_no, kind, state, amount, tax_free_amount, refunded_amount, refunding_amount, \
         product_name, customer_id, billing_key_id, subscription_id, period_start, period_end, \
         initiated_by, method, transaction_id, auth_number, failure_code, failure_message, \
         merchant_setting, created_at, approved_at, settled_at, late, order_id, unexpected, cpid, \
         earlier_cpids, \
         coalesce(state = 'sending' and call_ends_by < now(), false) as overdue"
    };
}

/// The columns of [`super::Refund`].
macro_rules! refund_columns {
    () => {
        "id, payment_id, amount, tax_free_amount, state, reason, transaction_id, failure_code, \
         failure_message, created_at, refunded_at, \
         coalesce(state = 'sending' and call_ends_by < now(), false) as overdue"
    };
}

/// The columns of a [`crate::rules::subscription_state::SubscriptionState`].
macro_rules! subscription_state_columns {
    () => {
        "status, billing_interval, interval_count, cycle_day, period_start, next_billing_date, \
         retry_attempt, retry_base, retry_at, next_attempt_at, cancel_at_period_end, retry_days, \
         resume_on, trial_end, end_date, cycles_left"
    };
}

pub(crate) use {payment_columns, refund_columns, subscription_state_columns};
