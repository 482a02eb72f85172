//! Has the crate compiled again whenever the web application was built again.

fn main() {
    // Cargo can only watch what exists. Where the folder can't be made, the source is read-only and nothing will change.
    let _ = std::fs::create_dir_all("dist");
    println!("cargo::rerun-if-changed=dist");
}
