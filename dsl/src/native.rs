//! The environment of the command line: real files, real output.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::sync::Arc;

use crate::environment::{OutputItem, Printing, ProfileSource, World};
use crate::failure::Failure;

pub(crate) struct Native {
    arguments: Vec<String>,
    printing: Printing,
    source: Arc<dyn ProfileSource>,
    kept: Vec<OutputItem>,
}

impl Native {
    pub(crate) fn new(arguments: Vec<String>, printing: Printing, source: Arc<dyn ProfileSource>) -> Self {
        Self { arguments, printing, source, kept: Vec::new() }
    }
}

impl World for Native {
    fn print(&mut self, line: String) -> Result<(), Failure> {
        if self.printing == Printing::Kept {
            self.kept.push(OutputItem::Println(line));
            return Ok(());
        }
        writeln!(std::io::stdout().lock(), "{line}").map_err(|error| match error.kind() {
            ErrorKind::BrokenPipe => Failure::ReaderGone,
            _ => Failure::File(format!("failed to write to the standard output: {error}")),
        })
    }

    fn log(&mut self, message: &str) -> Result<(), Failure> {
        tracing::info!("{message}");
        Ok(())
    }

    fn write(&mut self, path: &str, content: Vec<u8>) -> Result<(), Failure> {
        let mut file = fs::File::create(path)
            .map_err(|error| Failure::File(format!("failed to create {path:?}: {error}")))?;
        file.write_all(&content)
            .map_err(|error| Failure::File(format!("failed to write to {path:?}: {error}")))?;
        if self.printing == Printing::Kept {
            self.kept.push(OutputItem::image(path.to_owned(), content));
        }
        Ok(())
    }

    fn make_directories(&mut self, path: &str) -> Result<(), Failure> {
        fs::create_dir_all(path).map_err(|error| Failure::File(format!("failed to create '{path}': {error}")))
    }

    fn change_directory(&mut self, path: &str) -> Result<(), Failure> {
        std::env::set_current_dir(path)
            .map_err(|error| Failure::File(format!("failed to chdir to '{path}': {error}")))
    }

    fn arguments(&self) -> Vec<String> {
        self.arguments.clone()
    }

    fn source(&self) -> Result<Arc<dyn ProfileSource>, Failure> {
        Ok(Arc::clone(&self.source))
    }

    fn take_output(&mut self) -> Vec<OutputItem> {
        std::mem::take(&mut self.kept)
    }
}
