//! Regular expressions as data: equal when their text is.

use std::fmt;
use std::hash::{Hash, Hasher};

use regex::{Regex, RegexBuilder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::IndexError;

/// A compiled expression may take this much memory: room for any that a person writes, not for `(a{1000}){1000}`.
const COMPILED_BYTES_MAX: usize = 4 << 20;

/// A regular expression that compiles, searched for anywhere in a name.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern(Regex);

impl Pattern {
    /// Compiles `text`.
    ///
    /// # Errors
    /// [`IndexError::Regex`] when it is malformed or too large.
    pub fn new(text: &str) -> Result<Self, IndexError> {
        let compiled = RegexBuilder::new(text).size_limit(COMPILED_BYTES_MAX).build();
        let reason =
            |error: regex::Error| IndexError::Regex { pattern: text.to_owned(), reason: error.to_string() };
        compiled.map(Self).map_err(reason)
    }

    /// The text it was made of.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    pub(crate) fn is_match(&self, name: &str) -> bool {
        self.0.is_match(name)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Pattern {}

impl Hash for Pattern {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/", self.as_str())
    }
}

impl TryFrom<String> for Pattern {
    type Error = IndexError;

    fn try_from(text: String) -> Result<Self, IndexError> {
        Self::new(&text)
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.as_str().to_owned()
    }
}
