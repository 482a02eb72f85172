//! Registration of functions together with what the reference says of them, so that the two can't differ.

use rhai::{Dynamic, Engine, RhaiNativeFunc};

use crate::failure::Answer;
use crate::text;

/// One function of the scripting language, as the reference shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Type it is called on; empty for a global function.
    pub receiver: &'static str,
    /// What a script writes: a word, or an operator.
    pub name: &'static str,
    /// Parameters and result; for operators the whole expression.
    pub signature: String,
    /// What it does.
    pub meaning: String,
    /// A script that uses it.
    pub example: String,
}

impl Entry {
    /// How a script calls it.
    pub fn form(&self) -> String {
        match (self.receiver, self.signature.starts_with('(')) {
            (_, false) => self.signature.clone(),
            ("", true) => format!("{}{}", self.name, self.signature),
            (receiver, true) => format!("{receiver}.{}{}", self.name, self.signature),
        }
    }
}

/// The functions of one engine, being registered.
pub(crate) struct Library<'e> {
    engine: &'e mut Engine,
    receiver: &'static str,
    entries: Vec<Entry>,
}

impl<'e> Library<'e> {
    pub(crate) fn new(engine: &'e mut Engine) -> Self {
        Self { engine, receiver: "", entries: Vec::new() }
    }

    pub(crate) fn into_entries(self) -> Vec<Entry> {
        self.entries
    }

    /// What follows belongs to `receiver`.
    pub(crate) fn section(&mut self, receiver: &'static str) {
        self.receiver = receiver;
    }

    /// Declares the type `name`, printable and convertible to text, and begins its section.
    pub(crate) fn object<T: Clone + Send + Sync + 'static>(&mut self, name: &'static str) {
        self.section(name);
        self.engine.register_type_with_name::<T>(name);
        for function in [rhai::FUNC_TO_STRING, rhai::FUNC_TO_DEBUG] {
            self.engine.register_fn(function, |value: &mut T| -> Answer<String> {
                text::display(&Dynamic::from(value.clone()))
            });
        }
    }

    /// Registers the function that `signature` begins with.
    pub(crate) fn define<
        A: 'static,
        const N: usize,
        const X: bool,
        R: Clone + Send + Sync + 'static,
        const F: bool,
    >(
        &mut self,
        signature: &'static str,
        meaning: &'static str,
        example: &'static str,
        function: impl RhaiNativeFunc<A, N, X, R, F> + Send + Sync + 'static,
    ) {
        let (name, parameters) = signature.split_at(signature.find('(').unwrap_or(signature.len()));
        self.operator(name, parameters, meaning, example, function);
    }

    /// Registers an operator, or a function whose name isn't in its signature.
    pub(crate) fn operator<
        A: 'static,
        const N: usize,
        const X: bool,
        R: Clone + Send + Sync + 'static,
        const F: bool,
    >(
        &mut self,
        name: &'static str,
        signature: impl Into<String>,
        meaning: impl Into<String>,
        example: impl Into<String>,
        function: impl RhaiNativeFunc<A, N, X, R, F> + Send + Sync + 'static,
    ) {
        self.describe(name, signature, meaning, example);
        self.overload(name, function);
    }

    /// Registers another form of a function that is described already.
    pub(crate) fn overload<
        A: 'static,
        const N: usize,
        const X: bool,
        R: Clone + Send + Sync + 'static,
        const F: bool,
    >(
        &mut self,
        name: &'static str,
        function: impl RhaiNativeFunc<A, N, X, R, F> + Send + Sync + 'static,
    ) {
        self.engine.register_fn(name, function);
    }

    /// Describes what is registered through [`Self::engine`].
    pub(crate) fn describe(
        &mut self,
        name: &'static str,
        signature: impl Into<String>,
        meaning: impl Into<String>,
        example: impl Into<String>,
    ) {
        let (signature, meaning, example) = (signature.into(), meaning.into(), example.into());
        self.entries.push(Entry { receiver: self.receiver, name, signature, meaning, example });
    }

    pub(crate) fn engine(&mut self) -> &mut Engine {
        self.engine
    }
}
