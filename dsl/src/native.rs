//! The environment of the command line: real files, real output.

use std::fs;
use std::io::Write as _;
use std::sync::Arc;

use crate::environment::{OutputItem, ProfileSource, World};
use crate::failure::Failure;

pub(crate) struct Native {
    pub(crate) arguments: Vec<String>,
    pub(crate) source: Arc<dyn ProfileSource>,
}

impl World for Native {
    fn print(&mut self, line: String) -> Result<(), Failure> {
        writeln!(std::io::stdout().lock(), "{line}")
            .map_err(|error| Failure::File(format!("failed to write to the standard output: {error}")))
    }

    fn log(&mut self, message: &str) -> Result<(), Failure> {
        tracing::info!("{message}");
        Ok(())
    }

    fn write(&mut self, path: &str, content: Vec<u8>) -> Result<(), Failure> {
        let mut file = fs::File::create(path)
            .map_err(|error| Failure::File(format!("failed to create {path:?}: {error}")))?;
        file.write_all(&content)
            .map_err(|error| Failure::File(format!("failed to write to {path:?}: {error}")))
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
        Vec::new()
    }
}
