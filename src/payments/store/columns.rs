//! The columns of payments and refunds, as they are read. They are named in every statement: with `*`
//! a statement that PostgreSQL has cached fails on each warm connection once a migration adds a
//! column (0A000), in the middle of a charge too.

/// The columns of [`super::Payment`].
macro_rules! payment_columns {
    () => {
        "id, order_no, kind, state, amount, tax_free_amount, refunded_amount, refunding_amount, \
         product_name, customer_id, billing_key_id, subscription_id, charge_no, period_start, \
         period_end, initiated_by, method, transaction_id, auth_number, failure_code, \
         failure_message, merchant_setting, created_at, approved_at, settled_at, late, order_id, unexpected, cpid, \
         earlier_cpids, \
         coalesce(state = 'sending' and call_ends_by < now(), false) as overdue"
    };
}

/// As [`payment_columns`], of `payments` itself, with the credit that was given for its days.
macro_rules! payment_and_credit_columns {
    () => {
        concat!(
            $crate::payments::store::columns::payment_columns!(),
            ", coalesce((select credited from subscription_charges c where (c.subscription_id, c.number) \
             = (payments.subscription_id, payments.charge_no)), 0) as credited, \
             coalesce((select credited_tax_free from subscription_charges c where (c.subscription_id, \
             c.number) = (payments.subscription_id, payments.charge_no)), 0) as credited_tax_free"
        )
    };
}

/// The columns of a [`crate::payments::links::Link`].
macro_rules! link_columns {
    () => {
        "id, subscription_id, charge_no, payment_id, state, amount, tax_free_amount, product_name, \
         methods, automatic, retry_at, expires_at, created_at, opened_at, canceled_at, ended_at, \
         (select order_no from payments p where p.id = payment_id) as order_no"
    };
}

/// The columns of [`super::Refund`].
macro_rules! refund_columns {
    () => {
        "id, payment_id, amount, tax_free_amount, state, reason, transaction_id, \
         failure_code, failure_message, created_at, refunded_at, \
         coalesce(from_credit, false) as from_credit, \
         coalesce(state = 'sending' and call_ends_by < now(), false) as overdue"
    };
}

/// The columns of a [`super::paid_time::Row`]. Events from before paid time have none of the later ones.
macro_rules! subscription_columns {
    () => {
        "id, customer_id, plan_id, billing_key_id, amount, tax_free_amount, product_name, status, \
         billing_interval, interval_count, cycle_day, period_start, next_billing_date, \
         retry_attempt, retry_base, retry_at, retry_days, next_attempt_at, cancel_at_period_end, \
         resume_on, trial_end, end_date, cycles_left, canceled_at, cancel_reason, metadata, \
         created_at, pending_amount, pending_tax_free_amount, pending_interval, \
         pending_interval_count, pending_cycle_day, consent_id, \
         coalesce(pause_at_period_end, false) as pause_at_period_end, \
         coalesce(credit, 0) as credit, coalesce(carried, 0) as carried, undo_labels, canceled_on, \
         period_kind, period_reason, paid_through, next_charge_date, next_charge_start, \
         next_charge_end, next_charge_amount, next_charge_reason, rise_on, rise_amount, consent_from, \
         told, \
         coalesce(legacy_end, false) as legacy_end, \
         coalesce(legacy_pause, false) as legacy_pause, coalesce(revision, 0) as revision"
    };
}

pub(crate) use {
    link_columns, payment_and_credit_columns, payment_columns, refund_columns, subscription_columns,
};
