//! What a request may say beside its path: one description for those who read it and for the document.

use schemars::{Schema, SchemaGenerator};
use std::borrow::Cow;

/// A parameter of a query string, which may be a field of a JSON body, too.
#[derive(Clone)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    /// What it means, for people.
    pub(crate) about: Cow<'static, str>,
    pub(crate) values: Values,
    pub(crate) is_required: bool,
}

/// What a parameter can be.
#[derive(Clone)]
pub(crate) enum Values {
    Integer,
    Text,
    /// Texts, each of which is given as a parameter of this name.
    Texts,
    /// One of these words.
    Words(Cow<'static, [&'static str]>),
    /// Data as JSON, of this schema.
    Json(fn(&mut SchemaGenerator) -> Schema),
}

impl Parameter {
    pub(crate) const fn integer(name: &'static str, about: &'static str) -> Self {
        Self { name, about: Cow::Borrowed(about), values: Values::Integer, is_required: false }
    }

    pub(crate) const fn required_integer(name: &'static str, about: &'static str) -> Self {
        Self { name, about: Cow::Borrowed(about), values: Values::Integer, is_required: true }
    }

    pub(crate) const fn text(name: &'static str, about: &'static str) -> Self {
        Self { name, about: Cow::Borrowed(about), values: Values::Text, is_required: false }
    }

    pub(crate) const fn texts(name: &'static str, about: &'static str) -> Self {
        Self { name, about: Cow::Borrowed(about), values: Values::Texts, is_required: false }
    }

    pub(crate) const fn word(
        name: &'static str,
        words: &'static [&'static str],
        about: &'static str,
    ) -> Self {
        Self {
            name,
            about: Cow::Borrowed(about),
            values: Values::Words(Cow::Borrowed(words)),
            is_required: false,
        }
    }
}

/// The words of a table of words and what they mean.
pub(crate) const fn words<T, const N: usize>(table: &[(&'static str, T); N]) -> [&'static str; N] {
    let mut words = [""; N];
    let mut at = 0;
    while at < N {
        words[at] = table[at].0;
        at += 1;
    }
    words
}
