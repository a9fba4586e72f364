//! Builds the crate anew when a migration is added: the macro that embeds them sees only those that it has read.

#![expect(clippy::print_stdout, reason = "cargo is told so")]

fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
