//! A customer as a person: what is kept of one, and its erasure.

mod erase;
mod show;

pub(crate) use erase::{__path_erase, erase};
pub(crate) use show::{__path_export, __path_show, export, show};
