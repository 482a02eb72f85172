//! The last phase: a loaded, named capture becomes a segment and summaries. Nobody sees them before they are published.

use bytehound_store::{BuildKey, FinishedSegment, MappedVec, SegmentWriter, Store, SummaryWriter};
use bytehound_symbols::normalize::NORM_VERSION;

use super::chains::write_chains;
use super::chronicle::Chronicle;
use super::columns::{Numbers, OrderedRows, write_columns};
use super::culled::Culled;
use super::history::History;
use super::load::Loaded;
use super::manifest::encode_manifest;
use super::map_sections::{write_mallopts, write_maps};
use super::mappings::Mappings;
use super::observer::Observer;
use super::order::Order;
use super::replay::{Replayed, Source, replay};
use super::stack_sections::StackSections;
use super::steps::Steps;
use super::symbolize::Symbols;
use super::thread_names::ThreadNames;
use crate::IndexError;
use crate::layout::LAYOUT_VERSION;
use crate::model::Manifest;
use crate::summary_tables::write_rest;

/// Time buckets of a capture, at most (plus one, as its time stamps fall).
const BUCKETS: u64 = 1000;

/// Bytes of a text in a manifest. The catalogue holds all manifests, and takes 64 KiB of each: this, the arguments, the
/// labels and the defects fit even when every byte of them becomes a replacement character of three.
const TEXT_MAX: usize = 4 << 10;
/// Bytes of all arguments.
const ARGUMENTS_MAX: usize = 6 << 10;
const ARCHITECTURE_MAX: usize = 64;

/// Writes the segment and the summaries of a build; both are durable when it returns, and not yet published.
pub fn write(
    loaded: Loaded,
    symbols: Symbols,
    store: &Store,
    key: &BuildKey,
    observer: &dyn Observer,
) -> Result<Manifest, IndexError> {
    write_beside(loaded, |_| Ok(symbols), store, key, observer)
}

/// As [`write()`], but the names are found while most of it is written: they are not needed until its end.
pub(super) fn write_beside(
    loaded: Loaded,
    name: impl FnOnce(&Loaded) -> Result<Symbols, IndexError> + Send,
    store: &Store,
    key: &BuildKey,
    observer: &dyn Observer,
) -> Result<Manifest, IndexError> {
    store.catalog().refer(key, &loaded.modules.binaries())?;
    let scratch = loaded.scratch.clone();
    let rows = &loaded.rows;
    let steps = Steps::new(observer, rows.log.len() as u64 + u64::from(rows.rows), loaded.events);
    let sorted = rows.log.sort(&rows.births, &rows.deaths, &scratch)?;
    let history = History { rows, sorted: sorted.as_ref().map(MappedVec::as_slice) };
    let order = history.sorted.map(|operations| Order::of(operations, &scratch)).transpose()?;
    let placed = order.as_ref().map(|order| rows.ends.placed(order.places(), &scratch)).transpose()?;

    let source = Source {
        history,
        dense: &loaded.backtraces.dense,
        backtraces: loaded.backtraces.lists.len(),
        bucket_width_us: bucket_width_us(&loaded),
    };
    let ordered = OrderedRows {
        rows,
        order: order.as_ref(),
        ends: placed.as_ref().unwrap_or(&rows.ends),
        numbers: Numbers::new(source.dense),
    };
    let mut output =
        Output { segment: SegmentWriter::create(&scratch)?, summaries: store.summaries().writer(key)? };
    let made = make(&loaded, name, &source, &ordered, &mut output, &steps)?;
    output.finish(loaded, made, |segment| Ok(store.segments().put(key, segment)?))
}

fn bucket_width_us(loaded: &Loaded) -> u64 {
    ((loaded.end_us - loaded.start_us) / BUCKETS).max(1)
}

/// What is written.
struct Output {
    segment: SegmentWriter,
    summaries: Box<dyn SummaryWriter>,
}

impl Output {
    /// Writes what is left, and makes all of it durable.
    fn finish(
        self,
        mut loaded: Loaded,
        made: Made,
        put: impl FnOnce(FinishedSegment) -> Result<(), IndexError> + Send,
    ) -> Result<Manifest, IndexError> {
        let Self { mut segment, mut summaries } = self;
        let Made { mut replayed, chronicle, mut symbols, mut stacks } = made;
        let manifest = summarize(&loaded, &mut replayed, &mut stacks, &symbols);
        let dense = std::mem::take(&mut loaded.backtraces.dense);
        let mappings = std::mem::replace(&mut loaded.mappings, Mappings::new());
        let mallopts = std::mem::take(&mut loaded.mallopts);
        let thread_names = std::mem::replace(&mut loaded.thread_names, ThreadNames::new());
        let write_segment = || {
            chronicle.write(&mut segment)?;
            write_maps(&mut segment, mappings, &dense, &mut symbols.table.strings)?;
            write_mallopts(&mut segment, mallopts, &dense)?;
            thread_names.write(&mut segment, &mut symbols.table.strings)?;
            stacks.write(&symbols.table, &mut segment)?;
            put(segment.finish()?)
        };
        let write_summaries = || {
            write_rest(
                &mut *summaries,
                &encode_manifest(&manifest),
                replayed.tallies.summaries(),
                &replayed.buckets,
            )?;
            drop(loaded);
            Ok(summaries.finish()?)
        };
        // Both wait for the disk.
        let (stored, summarized) = rayon::join(write_segment, write_summaries);
        stored.and(summarized).map(|()| manifest)
    }
}

/// What comes of the rows, besides their columns.
struct Made {
    replayed: Replayed,
    chronicle: Chronicle,
    symbols: Symbols,
    stacks: StackSections,
}

/// Writes cells and columns. What takes one processor alone comes first, and the columns last: they can be made on all that
/// are free by then. The stacks, too, wait for the end of the replay, whose memory grows with them.
fn make(
    loaded: &Loaded,
    name: impl FnOnce(&Loaded) -> Result<Symbols, IndexError> + Send,
    source: &Source<'_>,
    rows: &OrderedRows<'_>,
    Output { segment, summaries }: &mut Output,
    steps: &Steps<'_>,
) -> Result<Made, IndexError> {
    let scratch = &loaded.scratch;
    let put_in_order_and_name = || {
        let chronicle = Chronicle::of(rows, &source.history, scratch)?;
        let symbols = name(loaded)?;
        steps.begin()?;
        Ok::<_, IndexError>((chronicle, symbols))
    };
    let (replayed, named) = rayon::join(|| replay(source, &mut **summaries, steps), put_in_order_and_name);
    let (replayed, (chronicle, symbols)) = (replayed?, named?);
    let write = || {
        let members = write_columns(segment, rows, scratch, steps)?;
        segment.sync_meanwhile()?;
        write_chains(segment, scratch, members.as_slice(), rows.rows.chains)
    };
    let (written, stacks) =
        rayon::join(write, || StackSections::of(&loaded.backtraces, &symbols.table, scratch));
    written.and(stacks).map(|stacks| Made { replayed, chronicle, symbols, stacks })
}

/// Puts together what is known once the heap was lived through, and names were found.
fn summarize(
    loaded: &Loaded,
    replayed: &mut Replayed,
    stacks: &mut StackSections,
    symbols: &Symbols,
) -> Manifest {
    let mut manifest = manifest_of(loaded, replayed);
    manifest.defects.extend(symbols.defects.sentences());
    manifest.max_depth = stacks.max_depth;
    let dense = |culled: &Culled| loaded.backtraces.dense[culled.backtrace as usize];
    replayed.tallies.add(loaded.culled.iter().map(|culled| (dense(culled), *culled)));
    stacks.count(replayed.tallies.summaries());
    manifest
}

/// Before the culled allocations are added: they count for their backtraces alone.
fn manifest_of(loaded: &Loaded, replayed: &Replayed) -> Manifest {
    let header = &loaded.header;
    let total = replayed.tallies.total();
    Manifest {
        layout_version: LAYOUT_VERSION,
        norm_version: NORM_VERSION,
        data_id: header.id.to_string(),
        executable: text(&header.executable, TEXT_MAX),
        cmdline: arguments(&header.cmdline),
        architecture: text(header.arch.as_bytes(), ARCHITECTURE_MAX),
        pointer_size: header.pointer_size,
        pid: header.pid,
        bucket_width_us: bucket_width_us(loaded),
        start_us: loaded.start_us,
        end_us: loaded.end_us,
        labels: loaded.labels.clone(),
        events: loaded.events,
        allocations: total.rows,
        allocated_bytes: total.allocated_bytes,
        freed_bytes: total.freed_bytes,
        leaked_count: total.leaked_count,
        leaked_bytes: total.leaked_bytes,
        peak_bytes: replayed.peak_bytes,
        peak_at_us: replayed.peak_at_us.unwrap_or(loaded.start_us),
        backtraces: loaded.backtraces.lists.len(),
        frames_max: loaded.frames_max,
        defects: loaded.defects.clone(),
        ..Manifest::default()
    }
}

fn text(bytes: &[u8], len_max: usize) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(len_max)]).into_owned()
}

/// Arguments as `/proc/self/cmdline` has them: each ended by a NUL.
fn arguments(cmdline: &[u8]) -> Vec<String> {
    let shown = &cmdline[..cmdline.len().min(ARGUMENTS_MAX)];
    let shown = shown.strip_suffix(&[0]).unwrap_or(shown);
    if shown.is_empty() {
        return Vec::new();
    }
    shown.split(|&byte| byte == 0).map(|argument| text(argument, ARGUMENTS_MAX)).collect()
}
