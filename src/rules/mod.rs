//! The rules, pure: values in, values out. No async, no I/O, nothing of the service.

pub mod characters;
pub mod contract;
pub mod event_types;
pub mod forward_proxy;
pub mod ids;
pub mod metadata;
pub mod moments;
pub mod money;
pub mod payment_state;
pub mod pro_rata;
pub mod renewal_no;
pub mod schedule;
pub mod sheet_text;
pub mod subscription_state;
pub mod tax_free;
pub mod text;
