//! What may be read by nobody: AUTOKEYs, card numbers, keys.

mod core_dumps;
mod leaks;
mod rotation;
mod secret;
mod stray_secrets;
