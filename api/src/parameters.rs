//! The parameters of a request: form-urlencoded, `+` a space.

use crate::errors::{BAD_BODY, BAD_PARAMETER, UNKNOWN_PARAMETER};
use crate::parameter::Parameter;
use crate::problem::Problem;
use actix_web::{HttpRequest, web};
use serde_json::{Map, Value};
use std::fmt::Display;
use std::str::FromStr;

/// Names and values, as they came.
#[derive(Debug, Default)]
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// All that the query string has.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        Self::parse(request.query_string())
    }

    /// All that the query string has, if it has nothing but `known` names: a mistyped one must not pass in silence.
    pub(crate) fn only(request: &HttpRequest, known: &[Parameter]) -> Result<Self, Problem> {
        let parameters = Self::of(request);
        match parameters.0.iter().find(|(name, _)| !is_known(name, known)) {
            None => Ok(parameters),
            Some((name, _)) => Err(unknown(name, known)),
        }
    }

    /// All that a JSON object has, if it has nothing but `known` names. Texts are as they are; whatever else is a value is
    /// one as JSON writes it, and `null` is none.
    pub(crate) fn of_json(text: &str, known: &[Parameter]) -> Result<Self, Problem> {
        let object: Map<String, Value> =
            serde_json::from_str(text).map_err(|error| Problem::new(&BAD_BODY, error.to_string()))?;
        let mut pairs = Vec::new();
        for (name, value) in object {
            if !is_known(&name, known) {
                return Err(unknown(&name, known));
            }
            match value {
                Value::Null => {}
                Value::String(text) => pairs.push((name, text)),
                value => pairs.push((name, value.to_string())),
            }
        }
        Ok(Self(pairs))
    }

    pub(crate) fn parse(query: &str) -> Self {
        let pairs = web::Query::<Vec<(String, String)>>::from_query(query);
        Self(pairs.map(web::Query::into_inner).unwrap_or_default())
    }

    /// The values of a parameter that may be repeated.
    pub(crate) fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        self.0.iter().filter(move |(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// The value of a parameter that may not.
    pub(crate) fn one<'a>(&'a self, name: &str) -> Result<Option<&'a str>, Problem> {
        let mut values = self.all(name);
        let first = values.next();
        match values.next() {
            None => Ok(first),
            Some(_) => Err(Problem::new(&BAD_PARAMETER, format!("duplicate field `{name}`"))),
        }
    }

    /// The value, read as a `T`. The message of a value that is none is the one of its type alone.
    pub(crate) fn read<T: FromStr<Err: Display>>(&self, name: &str) -> Result<Option<T>, Problem> {
        let refuse = |error: T::Err| Problem::new(&BAD_PARAMETER, error.to_string());
        self.one(name)?.map(|value| value.parse().map_err(refuse)).transpose()
    }

    /// As [`Self::read`], naming the parameter in the message.
    pub(crate) fn read_named<T: FromStr<Err: Display>>(&self, name: &str) -> Result<Option<T>, Problem> {
        self.read(name)
            .map_err(|problem| Problem { detail: format!("`{name}`: {}", problem.detail), ..problem })
    }

    /// The value, which must be one of these words: gives what stands beside it.
    pub(crate) fn word<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Result<Option<T>, Problem> {
        let Some(value) = self.one(name)? else { return Ok(None) };
        let found = words.iter().find(|(word, _)| *word == value);
        found.map(|(_, meaning)| Some(*meaning)).ok_or_else(|| unknown_word(value, words))
    }
}

fn is_known(name: &str, known: &[Parameter]) -> bool {
    known.iter().any(|known| known.name == name)
}

fn unknown(name: &str, known: &[Parameter]) -> Problem {
    let names: Vec<&str> = known.iter().map(|known| known.name).collect();
    let detail = match known {
        [] => format!("`{name}`: this route takes no parameters"),
        _ => format!("`{name}`: this route takes `{}`", names.join("`, `")),
    };
    Problem::new(&UNKNOWN_PARAMETER, detail)
}

fn unknown_word<T>(value: &str, words: &[(&str, T)]) -> Problem {
    let quoted: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
    let expected = match quoted.as_slice() {
        [one] => one.clone(),
        [one, other] => format!("{one} or {other}"),
        many => format!("one of {}", many.join(", ")),
    };
    Problem::new(&BAD_PARAMETER, format!("unknown variant `{value}`, expected {expected}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_decoded_as_forms_are() {
        let parameters = Parameters::parse("label=a%3Db+c&label=%C3%A4=1&n=12");
        assert_eq!(parameters.all("label").collect::<Vec<_>>(), ["a=b c", "ä=1"]);
        assert_eq!(parameters.read::<u32>("n").unwrap(), Some(12));
        assert_eq!(parameters.read::<u32>("m").unwrap(), None);
    }

    #[test]
    fn a_json_object_says_the_same_as_a_query_string() {
        let known = ["n", "label", "m"].map(|name| Parameter::text(name, ""));
        let parameters = Parameters::of_json(r#"{"n": 12, "label": "a b", "m": null}"#, &known);
        let parameters = parameters.unwrap();
        assert_eq!(parameters.read::<u32>("n").unwrap(), Some(12));
        assert_eq!(parameters.one("label").unwrap(), Some("a b"));
        assert_eq!(parameters.one("m").unwrap(), None);
        assert_eq!(Parameters::of_json("[]", &[]).unwrap_err().kind, &BAD_BODY);
        assert_eq!(Parameters::of_json(r#"{"x": 1}"#, &known).unwrap_err().kind, &UNKNOWN_PARAMETER);
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_the_words_of_the_original() {
        let message = |query: &str| Parameters::parse(query).read::<u64>("n").unwrap_err().detail;
        assert_eq!(message("n=x"), "invalid digit found in string");
        assert_eq!(message("n=1&n=1"), "duplicate field `n`");
        let words = [("yes", true), ("no", false)];
        let problem = Parameters::parse("n=maybe").word("n", &words).unwrap_err();
        assert_eq!(problem.detail, "unknown variant `maybe`, expected `yes` or `no`");
    }
}
