//! Locations to frames: every binary is digested at most once, every address looked up once, every name demangled once.

use bytehound_store::Store;
use bytehound_symbols::demangle::demangle;
use bytehound_symbols::{BinaryId, SymbolFrame, Symcache, digest, library_name};
use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use super::defects::Defects;
use super::frame_table::FrameTable;
use super::generated::{self, Generated};
use super::load::Loaded;
use super::observer::{Observer, Phase, Progress, report};
use super::stacks::{DecodedFrame, Location};
use crate::IndexError;
use crate::keys::FrameText;
use crate::layout::NONE;

/// The frames of every location of a capture.
pub struct Symbols {
    pub(super) table: FrameTable,
    pub(super) defects: Defects,
}

/// Names the addresses of a loaded capture. A binary that cannot be read leaves its frames without names, and is
/// a defect of the profile.
pub fn symbolize(loaded: &Loaded, store: &Store, observer: &dyn Observer) -> Result<Symbols, IndexError> {
    let locations = &loaded.backtraces.locations;
    let mut found: Vec<Vec<FoundFrame>> = locations.iter().map(|_| Vec::new()).collect();
    let mut defects = Defects::default();
    let mut done = 0;
    let progress = |done| Progress {
        phase: Phase::Symbolize,
        bytes: done,
        bytes_total: locations.len() as u64,
        events: loaded.events,
    };
    report(observer, progress(done))?;
    // A batch is as many binaries as there are threads: between batches the observer is heard, and memory is bounded.
    for batch in addresses_by_binary(loaded).chunks(rayon::current_num_threads()) {
        let answers: Vec<_> = batch.par_iter().map(|asked| look_up(asked, loaded, store)).collect();
        for (asked, answer) in batch.iter().zip(answers) {
            match answer? {
                Answer::Frames(frames) => {
                    frames.into_iter().for_each(|(at, frames)| found[at as usize] = frames)
                }
                Answer::Unreadable(reason) => defects.note(&reason),
            }
            done += asked.addresses.len() as u64;
        }
        report(observer, progress(done))?;
    }
    report(observer, progress(locations.len() as u64))?;
    Ok(Symbols { table: tabulate(loaded, &found), defects })
}

/// What is asked of one binary.
struct Asked {
    binary: BinaryId,
    path: String,
    /// Address in the binary, and the location it belongs to.
    addresses: Vec<(u64, u32)>,
}

enum Answer {
    Frames(Vec<(u32, Vec<FoundFrame>)>),
    Unreadable(String),
}

struct FoundFrame {
    raw_function: String,
    source: Option<String>,
    line: u32,
    column: u32,
    is_inline: bool,
}

fn addresses_by_binary(loaded: &Loaded) -> Vec<Asked> {
    let mut numbers: FxHashMap<&BinaryId, usize> = FxHashMap::default();
    let mut all: Vec<Asked> = Vec::new();
    for (at, location) in loaded.backtraces.locations.iter().enumerate() {
        let Location::InModule { module, relative, .. } = *location else { continue };
        let module = loaded.modules.get(module);
        let Some(binary) = &module.binary else { continue };
        let number = *numbers.entry(binary).or_insert_with(|| {
            all.push(Asked { binary: binary.clone(), path: module.path.clone(), addresses: Vec::new() });
            all.len() - 1
        });
        all[number].addresses.push((relative, at as u32));
    }
    all
}

fn look_up(asked: &Asked, loaded: &Loaded, store: &Store) -> Result<Answer, IndexError> {
    if store.symcaches().get(&asked.binary)?.is_none() {
        let Some(elf) = loaded.modules.contents(&asked.binary) else { return Ok(Answer::Frames(Vec::new())) };
        match digest(elf) {
            Ok(bytes) => store.symcaches().put(&asked.binary, &bytes)?,
            Err(error) => return Ok(Answer::Unreadable(unreadable(asked, &error))),
        }
    }
    let Some(bytes) = store.symcaches().get(&asked.binary)? else { return Ok(Answer::Frames(Vec::new())) };
    match Symcache::parse(bytes.as_ref()) {
        Ok(symcache) => Ok(Answer::Frames(frames_of(asked, &symcache))),
        Err(error) => Ok(Answer::Unreadable(unreadable(asked, &error))),
    }
}

fn unreadable(asked: &Asked, error: &bytehound_symbols::Error) -> String {
    format!("the embedded binary `{}` gives no names: {error}", asked.path)
}

fn frames_of(asked: &Asked, symcache: &Symcache<'_>) -> Vec<(u32, Vec<FoundFrame>)> {
    let mut frames = Vec::new();
    asked
        .addresses
        .iter()
        .map(|&(relative, location)| {
            frames.clear();
            symcache.lookup(relative, &mut frames);
            (location, frames.drain(..).map(FoundFrame::from).collect())
        })
        .collect()
}

impl From<SymbolFrame<'_>> for FoundFrame {
    fn from(frame: SymbolFrame<'_>) -> Self {
        Self {
            raw_function: frame.raw_function.to_owned(),
            source: frame.source.map(String::from),
            line: frame.line.unwrap_or(NONE),
            column: frame.column.unwrap_or(NONE),
            is_inline: frame.is_inline,
        }
    }
}

fn tabulate(loaded: &Loaded, found: &[Vec<FoundFrame>]) -> FrameTable {
    let demangled = demangle_all(found);
    let generated = Generated::new(&loaded.generated, &loaded.backtraces.locations);
    let mut table = FrameTable::new();
    for (location, frames) in loaded.backtraces.locations.iter().zip(found) {
        match *location {
            Location::Unresolved { address } => add_unresolved(&mut table, address, &generated),
            Location::InModule { address, module, relative } => {
                let module = loaded.modules.get(module);
                table.begin_location(module.binary.as_ref().map(BinaryId::as_str), &module.path, relative);
                if frames.is_empty() {
                    table.add_bare(address, Some((&module.path, relative)));
                }
                for frame in frames {
                    let text = FrameText {
                        module: &module.path,
                        function: demangled.get(frame.raw_function.as_str()).map(String::as_str),
                        raw_function: Some(&frame.raw_function),
                        source: frame.source.as_deref(),
                        line: frame.line,
                    };
                    table.add_frame(address, &text, frame.column, frame.is_inline);
                }
            }
            Location::Decoded(frame) => add_decoded(&mut table, &frame, &loaded.strings),
        }
        table.end_location();
    }
    table
}

/// Generated code lies elsewhere in each run: its functions are told apart by their names.
fn add_unresolved(table: &mut FrameTable, address: u64, generated: &Generated<'_>) {
    let Some(generated::Place { function, offset }) = generated.get(address) else {
        table.begin_location(None, "", address);
        return table.add_bare(address, None);
    };
    let text = FrameText {
        module: generated::LIBRARY,
        function: Some(function),
        raw_function: Some(function),
        source: None,
        line: NONE,
    };
    table.begin_location(Some(function), text.module, offset);
    table.add_frame(address, &text, NONE, false);
}

fn demangle_all(found: &[Vec<FoundFrame>]) -> FxHashMap<&str, String> {
    let names: FxHashSet<&str> = found.iter().flatten().map(|frame| frame.raw_function.as_str()).collect();
    names.par_iter().filter_map(|&raw| Some((raw, demangle(raw)?))).collect()
}

fn add_decoded(table: &mut FrameTable, frame: &DecodedFrame, strings: &FxHashMap<u32, String>) {
    let string = |id: u32| strings.get(&id).map(String::as_str);
    let module = string(frame.library);
    let text = FrameText {
        module: module.map_or("", library_name),
        function: string(frame.function),
        raw_function: string(frame.raw_function),
        source: string(frame.source),
        line: frame.line,
    };
    // Decoded frames have lost where they lie in their binary.
    table.begin_location(None, text.module, frame.address);
    if text.name().is_some() {
        table.add_frame(frame.address, &text, frame.column, frame.is_inline);
    } else {
        table.add_bare(frame.address, module.map(|module| (module, frame.address)));
    }
}
