//! The name and the labels that come with an upload.

use crate::errors::BAD_PARAMETER;
use crate::parameter::Parameter;
use crate::parameters::Parameters;
use crate::problem::Problem;
use actix_web::HttpRequest;
use bytehound_store::NewProfile;
use std::collections::BTreeMap;

/// Labels of one profile, and bytes of a name, a key and a value: they are shown in lists.
const LABELS_MAX: usize = 64;
const NAME_BYTES_MAX: usize = 256;
const KEY_BYTES_MAX: usize = 128;
const VALUE_BYTES_MAX: usize = 1024;

pub(crate) const NAME: Parameter = Parameter::text("name", "a name for people");
pub(crate) const LABEL: Parameter = Parameter::texts("label", "`key=value`");

pub(crate) const LABELS: Parameter = Parameter::text("labels", "`key=value,key=value`");

/// `?name=`, the header `Labels: a=b,c=d`, and repeatable `?label=k=v`, which win over the header's.
pub(crate) fn new_profile(request: &HttpRequest, parameters: &Parameters) -> Result<NewProfile, Problem> {
    let name = parameters.one("name")?.unwrap_or_default();
    check("the name", name, NAME_BYTES_MAX)?;
    let mut labels = BTreeMap::new();
    for header in request.headers().get_all("labels") {
        let text = header.to_str().map_err(|_| refuse("the header `Labels` is not plain text"))?;
        for label in text.split(',').map(str::trim).filter(|label| !label.is_empty()) {
            add(&mut labels, label)?;
        }
    }
    for label in parameters.all("label") {
        add(&mut labels, label)?;
    }
    check_count(labels.len())?;
    Ok(NewProfile { name: name.to_owned(), labels })
}

/// The labels that every profile of a list must have: repeatable `?label=k=v`.
pub(crate) fn selector(parameters: &Parameters) -> Result<BTreeMap<String, String>, Problem> {
    let mut labels = BTreeMap::new();
    parameters.all("label").try_for_each(|label| add(&mut labels, label))?;
    Ok(labels)
}

/// Labels to be merged into those that a profile has.
pub(crate) fn more(
    known: &BTreeMap<String, String>,
    given: BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, Problem> {
    let mut labels = BTreeMap::new();
    given.iter().try_for_each(|(key, value)| insert(&mut labels, key, value))?;
    check_count(known.len() + labels.keys().filter(|key| !known.contains_key(*key)).count())?;
    Ok(labels)
}

fn check_count(count: usize) -> Result<(), Problem> {
    match count > LABELS_MAX {
        true => Err(refuse(format!("a profile has at most {LABELS_MAX} labels, not {count}"))),
        false => Ok(()),
    }
}

fn add(labels: &mut BTreeMap<String, String>, label: &str) -> Result<(), Problem> {
    let (key, value) =
        label.split_once('=').ok_or_else(|| refuse(format!("`{label}` is no label: write `key=value`")))?;
    insert(labels, key, value)
}

fn insert(labels: &mut BTreeMap<String, String>, key: &str, value: &str) -> Result<(), Problem> {
    let (key, value) = (key.trim(), value.trim());
    if key.is_empty() {
        return Err(refuse(format!("`={value}` has no key: write `key=value`")));
    }
    check("the key of a label", key, KEY_BYTES_MAX)?;
    check("the value of a label", value, VALUE_BYTES_MAX)?;
    labels.insert(key.to_owned(), value.to_owned());
    Ok(())
}

fn check(what: &str, text: &str, bytes_max: usize) -> Result<(), Problem> {
    if text.len() > bytes_max {
        return Err(refuse(format!("{what} has {} bytes, at most {bytes_max} are taken", text.len())));
    }
    match text.chars().any(char::is_control) {
        true => Err(refuse(format!("{what} has control characters in it"))),
        false => Ok(()),
    }
}

fn refuse(detail: impl Into<String>) -> Problem {
    Problem::new(&BAD_PARAMETER, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn parse(query: &str, header: &str) -> Result<NewProfile, Problem> {
        let request =
            TestRequest::with_uri(&format!("/v1/profiles?{query}")).insert_header(("labels", header));
        let request = request.to_http_request();
        new_profile(&request, &Parameters::of(&request))
    }

    #[test]
    fn labels_come_by_header_and_by_parameter() {
        let new =
            parse("name=a+b&label=branch=main&label=flags=-C+x=1", "branch=old, suite = parse").unwrap();
        assert_eq!(new.name, "a b");
        let labels: Vec<_> = new.labels.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(labels, [("branch", "main"), ("flags", "-C x=1"), ("suite", "parse")]);
    }

    #[test]
    fn what_is_no_label_is_refused() {
        let long = "x".repeat(2000);
        for query in ["label=main", "label==x", "label=a%00=1", "name=%1b[2J", &format!("label=a={long}")] {
            assert_eq!(parse(query, "").unwrap_err().kind.code, "bad_parameter", "{query}");
        }
        assert!(parse("", "novalue").is_err());
    }
}
