//! Cards: registered, brought along from an older system, charged.

mod ended_cards;
mod first_card_to_renewal;
mod import;
mod import_files;
mod registration;
