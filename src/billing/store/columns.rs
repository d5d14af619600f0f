//! The columns of billing keys and subscriptions, as they are read: see
//! [`crate::payments::store::columns`] for why they are named.

/// The columns of [`super::BillingKey`].
macro_rules! billing_key_columns {
    () => {
        "id, customer_id, customer_name, customer_email, autokey, data_key, card_company_code, \
         card_number_masked, status, created_at, card_expires, cpid, inactive_at, inactive_code, \
         inactive_message"
    };
}

pub(crate) use crate::payments::store::columns::subscription_columns;
pub(crate) use billing_key_columns;
