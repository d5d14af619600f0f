//! A customer as a person: what is kept of one, its erasure, and two accounts of one person.

mod erase;
mod merge;
mod show;

pub(crate) use erase::{__path_erase, erase};
pub(crate) use merge::{__path_merge, merge};
pub(crate) use show::{__path_export, __path_show, export, show};
