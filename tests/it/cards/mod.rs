//! Cards: registered, brought along from an older system, charged.

mod first_card_to_renewal;
mod import;
mod registration;
