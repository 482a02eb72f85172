//! The arrows between the rooms, and a few habits that a program can hold us to.

use cargo_metadata::{DependencyKind, MetadataCommand, Package};
use std::path::{Path, PathBuf};

/// The rooms from the ground up: each may use those before it, and no other.
const ORDER: [&str; 10] = [
    "bytehound-format",
    "bytehound-rings",
    "bytehound-settings",
    "bytehound-symbols",
    "bytehound-store",
    "bytehound-index",
    "bytehound-dsl",
    "bytehound-actors",
    "bytehound-api",
    "bytehound-cli",
];

/// Rooms beside the order: what each may use.
const BESIDE: [(&str, &[&str]); 7] = [
    ("bytehound-preload", &["bytehound-format", "bytehound-rings", "bytehound-settings"]),
    ("bytehound-bench", &["bytehound-format", "bytehound-store", "bytehound-index", "bytehound-dsl"]),
    ("bytehound-webui", &[]),
    ("bytehound-loadtest", &[]),
    ("simulation", &[]),
    ("tokio-echo", &[]),
    ("xtask", &[]),
];

/// What a room of the order may use beside those below it.
const EXTRA: [(&str, &str); 1] = [("bytehound-api", "bytehound-webui")];

fn members() -> Vec<Package> {
    let manifest = root().join("Cargo.toml");
    let metadata = MetadataCommand::new().manifest_path(manifest).no_deps().exec();
    metadata.expect("cargo metadata works in a checkout").packages
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the root").to_path_buf()
}

/// The rooms that a crate uses, its tests aside.
fn arrows(package: &Package) -> Vec<String> {
    let used =
        package.dependencies.iter().filter(|dependency| dependency.kind != DependencyKind::Development);
    let used = used.filter(|dependency| dependency.path.is_some());
    used.map(|dependency| dependency.name.clone()).collect()
}

fn may_use(user: &str, used: &str) -> bool {
    let level = |name: &str| ORDER.iter().position(|room| *room == name);
    if let (Some(user), Some(used)) = (level(user), level(used)) {
        return used < user;
    }
    let beside = BESIDE.iter().find(|(name, _)| *name == user);
    beside.is_some_and(|(_, allowed)| allowed.contains(&used)) || EXTRA.contains(&(user, used))
}

#[test]
fn every_arrow_points_down() {
    for package in members().iter().filter(|package| *package.name != "bytehound-tests") {
        for used in arrows(package) {
            assert!(may_use(&package.name, &used), "`{}` must not use `{used}`", package.name);
        }
    }
}

#[test]
fn only_the_store_names_sled() {
    for package in members() {
        let names_sled = package.dependencies.iter().any(|dependency| dependency.name == "sled");
        assert_eq!(names_sled, *package.name == "bytehound-store", "`{}`", package.name);
    }
}

#[test]
fn every_crate_takes_the_lints_of_the_house_and_says_its_sentence() {
    for package in members() {
        let manifest = std::fs::read_to_string(&package.manifest_path).expect("a member has a manifest");
        assert!(manifest.contains("[lints]\nworkspace = true"), "`{}` leaves the lints out", package.name);
        for target in package.targets.iter().filter(|target| target.is_lib() || target.is_bin()) {
            let source = std::fs::read_to_string(&target.src_path).expect("a target has a source");
            assert!(source.starts_with("//! "), "`{}` begins without its sentence", target.src_path);
        }
    }
}

#[test]
fn no_dependency_comes_from_git() {
    let lock =
        std::fs::read_to_string(root().join("Cargo.lock")).expect("the lock file is in the repository");
    assert!(!lock.contains("git+"));
}

/// Licences that what we link may have. The CDDL is inferno's and the MPL that of crates which are all used as they are.
const LICENCES: [&str; 16] = [
    "MIT",
    "MIT-0",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "0BSD",
    "ISC",
    "Zlib",
    "CC0-1.0",
    "Unicode-3.0",
    "Unlicense",
    "BSL-1.0",
    "MPL-2.0",
    "MPL-2.0+",
    "CDDL-1.0",
];

#[test]
fn every_dependency_has_a_licence_we_accept() {
    let metadata = MetadataCommand::new().manifest_path(root().join("Cargo.toml")).exec();
    let metadata = metadata.expect("cargo metadata works in a checkout");
    for package in &metadata.packages {
        let licence = package.license.clone().unwrap_or_default().replace('/', " OR ");
        let accepted = licence.split(" OR ").any(|choice| {
            choice.split(" AND ").all(|part| LICENCES.contains(&part.trim_matches(['(', ')', ' '])))
        });
        assert!(accepted, "`{}` has the licence `{licence}`", package.name);
    }
}

#[test]
fn the_documents_link_to_what_exists() {
    let mut checked = 0;
    for document in documents() {
        let text = std::fs::read_to_string(&document).expect("a document is text");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = link.split('#').next().unwrap_or_default();
            if path.is_empty() || path.contains("://") || path.contains(' ') {
                continue;
            }
            let target = document.parent().expect("a document lies somewhere").join(path);
            assert!(target.exists(), "`{}` links to `{link}`", document.display());
            checked += 1;
        }
    }
    assert!(checked > 0, "no link was found: the check is broken");
}

fn documents() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in [root(), root().join("docs")] {
        let entries = std::fs::read_dir(folder).expect("the folder is there");
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        found.extend(paths.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    }
    found
}
