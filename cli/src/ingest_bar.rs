//! The progress of an ingest as a bar, on a terminal.

use bytehound_index::build::{Observer, Phase, Progress};
use indicatif::{ProgressBar, ProgressStyle};

/// Shows the progress of one capture. Where standard error is no terminal it shows nothing.
pub(crate) struct IngestBar(ProgressBar);

impl IngestBar {
    /// A bar for the capture of this name.
    pub(crate) fn new(name: &str) -> Self {
        let bar = ProgressBar::new(0);
        if let Ok(style) =
            ProgressStyle::with_template("{prefix:.bold} {msg:<12} [{bar:32}] {bytes}/{total_bytes} {eta}")
        {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(name.to_owned());
        Self(bar)
    }
}

impl Observer for IngestBar {
    fn progress(&self, progress: Progress) {
        self.0.set_message(match progress.phase {
            Phase::Load => "loading",
            Phase::Symbolize => "symbolizing",
            Phase::Index => "indexing",
        });
        self.0.set_length(progress.bytes_total);
        self.0.set_position(progress.bytes);
    }
}

impl Drop for IngestBar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
