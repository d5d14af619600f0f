//! Tells cargo that the embedded migrations are part of the build.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
    println!("cargo::rerun-if-changed=src/console/templates");
    println!("cargo::rerun-if-changed=src/easypay/templates");
}
