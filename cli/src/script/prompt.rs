//! The prompt: entries are read with history and completion, and evaluated one after the other.

use crate::interrupt;
use anyhow::Result;
use bytehound_dsl::{Console, Outcome};
use bytehound_index::Cancel;
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Context, Editor, Helper};
use std::cell::RefCell;
use std::io::Write;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const PROMPT: &str = "> ";
/// Time between two looks at whether Ctrl-C was pressed.
const PERIOD: Duration = Duration::from_millis(20);

/// Evaluates what is entered until there is no more, or a script calls `exit`.
pub(super) fn converse(console: Console) -> Result<u8> {
    let console = Rc::new(RefCell::new(console));
    let config = Config::builder().completion_type(CompletionType::List).auto_add_history(true).build();
    let mut editor = Editor::<Line, DefaultHistory>::with_config(config)?;
    editor.set_helper(Some(Line(Rc::clone(&console))));
    let history = history();
    if let Some(path) = &history {
        // The first time there is none.
        drop(editor.load_history(path));
    }
    let code = loop {
        match editor.readline(PROMPT) {
            Ok(entry) => {
                let outcome = evaluate(&mut console.borrow_mut(), &entry);
                show(&outcome)?;
                if outcome.exit_code.is_some() {
                    break super::exit_code(&outcome);
                }
            }
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => break 0,
            Err(error) => return Err(error.into()),
        }
    };
    if let Some(path) = &history {
        // A prompt works without memory.
        drop(path.parent().map(std::fs::create_dir_all));
        drop(editor.save_history(path));
    }
    Ok(code)
}

/// Ctrl-C gives up this entry alone.
fn evaluate(console: &mut Console, entry: &str) -> Outcome {
    interrupt::watch();
    let (cancel, done) = (Cancel::new(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                if interrupt::is_stopped() {
                    cancel.cancel();
                }
                std::thread::sleep(PERIOD);
            }
        });
        let outcome = console.enter(entry, &cancel);
        done.store(true, Ordering::Relaxed);
        outcome
    })
}

fn show(outcome: &Outcome) -> Result<()> {
    match (&outcome.result, &outcome.value) {
        (Err(error), _) => eprintln!("error: {error}"),
        (Ok(()), Some(value)) => writeln!(std::io::stdout(), "{value}")?,
        (Ok(()), None) => {}
    }
    Ok(())
}

/// Where entries are remembered, as the XDG base directory specification has it.
fn history() -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")))?;
    Some(base.join("bytehound").join("script_history"))
}

/// What the editor asks about the line that is being written.
struct Line(Rc<RefCell<Console>>);

impl Completer for Line {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let start = word_start(&line[..position]);
        let words = self.0.borrow().words();
        let begun = &line[start..position];
        Ok((start, words.into_iter().filter(|word| !begun.is_empty() && word.starts_with(begun)).collect()))
    }
}

impl Validator for Line {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(match self.0.borrow().is_complete(context.input()) {
            true => ValidationResult::Valid(None),
            false => ValidationResult::Incomplete,
        })
    }
}

impl Hinter for Line {
    type Hint = String;
}

impl Highlighter for Line {}

impl Helper for Line {}

/// Where the word that `text` ends with begins.
fn word_start(text: &str) -> usize {
    text.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || c == '_').len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_ends_at_whatever_is_none() {
        for (text, word) in
            [("allocations().only_l", "only_l"), ("le", "le"), ("graph().", ""), ("1 + ä", "")]
        {
            assert_eq!(&text[word_start(text)..], word, "{text}");
        }
    }
}
