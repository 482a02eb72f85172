//! What a server gets to serve, whether or not the application was built beforehand.

use bytehound_webui::{Asset, INDEX, asset, is_built};

fn index() -> Asset {
    asset(INDEX).expect("there is always a first page")
}

#[test]
fn there_is_always_a_first_page() {
    assert_eq!(index().mime, "text/html; charset=utf-8");
    assert!(index().bytes.starts_with(b"<!doctype html>"));
}

#[test]
fn the_root_is_the_first_page() {
    assert_eq!(asset(""), Some(index()));
    assert_eq!(asset("/"), Some(index()));
    assert_eq!(asset("/index.html"), Some(index()));
}

#[test]
fn nothing_beside_the_build_is_served() {
    for path in [
        "../Cargo.toml",
        "/../src/lib.rs",
        "assets/../../Cargo.toml",
        "/etc/passwd",
        "//etc/passwd",
        "assets",
        ".",
        "..",
    ] {
        assert_eq!(asset(path), None, "{path}");
    }
}

#[test]
fn tags_are_quoted_and_stable() {
    let tag = index().etag;
    assert!(tag.trim_start_matches("W/").starts_with('"') && tag.ends_with('"'), "{tag}");
    assert_eq!(tag, index().etag);
}

#[test]
fn every_file_that_a_built_page_names_is_there() {
    let page = String::from_utf8(index().bytes.into_owned()).expect("text");
    let named: Vec<&str> = page.split('"').filter_map(|part| part.strip_prefix("./")).collect();
    assert_eq!(named.is_empty(), !is_built(), "{page}");
    for path in named {
        assert!(asset(path).is_some(), "{path}");
    }
}
