//! `bytehound repack`: writes captures in another version of the format.

use crate::arguments::{Format, RepackArguments};
use anyhow::{Context, Result, bail};
use bytehound_format::{Container, Ending, Reader, convert};
use indicatif::{ProgressBar, ProgressStyle};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Converts each capture, in order; prints the path of each.
pub(crate) fn repack(arguments: &RepackArguments) -> Result<u8> {
    let (files, output) = (&arguments.files, &arguments.output);
    let into_folder = output.is_dir();
    if files.len() > 1 && !into_folder {
        bail!("`{}` is no folder: several captures need one to go to", output.display());
    }
    for source in files {
        let target = match source.file_name() {
            Some(name) if into_folder => output.join(name),
            _ => output.clone(),
        };
        repack_one(source, &target, arguments.format)
            .with_context(|| format!("cannot repack `{}`", source.display()))?;
        println!("{}", target.display());
    }
    Ok(0)
}

fn repack_one(source: &Path, target: &Path, format: Format) -> Result<()> {
    let file = File::open(source)?;
    let bar = bar(source, file.metadata()?.len());
    let mut reader = Reader::new(file)?;
    let container = match format {
        Format::V0_11 => Container::V0_11,
        Format::V2 => Container::V2,
    };
    let unfinished = Unfinished::create(target)?;
    let output = BufWriter::new(&unfinished.file);
    let written = convert(&mut reader, container, output, |bytes| bar.set_position(bytes));
    let flushed = written.and_then(|mut output| output.flush());
    bar.finish_and_clear();
    flushed?;
    unfinished.finish(target)?;
    if let Some(ending) = reader.ending().filter(|ending| **ending != Ending::Clean) {
        eprintln!("warning: `{}`: {ending}", source.display());
    }
    let skipped = reader.skipped();
    if skipped.events > 0 {
        let (files, bytes) = (skipped.events, skipped.bytes);
        eprintln!(
            "warning: `{}`: {files} embedded files ({bytes} bytes) are too large and came over empty",
            source.display()
        );
    }
    Ok(())
}

/// A file that gets its name when it is whole, and is removed if it does not become so. It may so replace its own
/// source.
struct Unfinished {
    file: File,
    path: PathBuf,
}

impl Unfinished {
    fn create(target: &Path) -> Result<Self> {
        let mut name = target.file_name().map(OsString::from).context("the output is no path of a file")?;
        name.push(format!(".{}.part", std::process::id()));
        let path = target.with_file_name(name);
        let file = File::create_new(&path).with_context(|| format!("cannot create `{}`", path.display()))?;
        Ok(Self { file, path })
    }

    fn finish(self, target: &Path) -> Result<()> {
        fs::rename(&self.path, target).with_context(|| format!("cannot write `{}`", target.display()))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // After `finish` it is not there any more, which is as it should be.
        let _ = fs::remove_file(&self.path);
    }
}

fn bar(source: &Path, len: u64) -> ProgressBar {
    let bar = ProgressBar::new(len);
    if let Ok(style) =
        ProgressStyle::with_template("{prefix:.bold} [{bar:32}] {bytes}/{total_bytes} {bytes_per_sec} {eta}")
    {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.with_prefix(source.file_name().unwrap_or_default().to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/golden/threads.raw.dat");

    fn arguments(files: &[&Path], output: &Path, format: Format) -> RepackArguments {
        let files = files.iter().map(|path| path.to_path_buf()).collect();
        RepackArguments { files, output: output.to_owned(), format }
    }

    fn events(path: &Path) -> usize {
        let mut reader = Reader::new(File::open(path).unwrap()).unwrap();
        let mut count = 0;
        while reader.next_event().unwrap().is_some() {
            count += 1;
        }
        assert_eq!(reader.ending(), Some(&Ending::Clean));
        count
    }

    #[test]
    fn a_capture_goes_to_version_2_and_back_to_its_own_place() {
        let folder = tempfile::tempdir().unwrap();
        let new = folder.path().join("new.dat");
        repack(&arguments(&[Path::new(GOLDEN)], &new, Format::V2)).unwrap();
        assert!(fs::read(&new).unwrap().starts_with(&bytehound_format::v2::MAGIC));
        assert_eq!(events(&new), events(Path::new(GOLDEN)));
        repack(&arguments(&[&new], &new, Format::V0_11)).unwrap();
        assert_eq!(fs::read(&new).unwrap()[0], 1);
        assert_eq!(events(&new), events(Path::new(GOLDEN)));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn several_captures_need_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let files = [Path::new(GOLDEN), Path::new(GOLDEN)];
        let missing = folder.path().join("missing");
        let error = repack(&arguments(&files, &missing, Format::V2)).unwrap_err();
        assert!(error.to_string().contains("is no folder"), "{error}");
        repack(&arguments(&files, folder.path(), Format::V2)).unwrap();
        assert!(folder.path().join("threads.raw.dat").exists());
    }

    #[test]
    fn what_is_no_capture_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("text");
        fs::write(&text, "hello").unwrap();
        let error = repack(&arguments(&[&text], &folder.path().join("out"), Format::V2)).unwrap_err();
        assert!(format!("{error:#}").contains("this is a text"), "{error:#}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
