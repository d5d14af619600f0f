//! What may be read by nobody: AUTOKEYs, card numbers, keys.

mod billing_key_rotation;
mod core_dumps;
mod encryption_secret;
mod leaks;
mod stray_secrets;
