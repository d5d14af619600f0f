//! Holds nothing: the package is its test, `main.rs`.
