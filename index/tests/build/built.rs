//! Indexes a capture in a temporary store, and reads back what was written.

use std::io::Write;
use std::sync::Arc;

use bytehound_index::build::{LiveBudget, ingest, load_stored, publish, symbolize, write};
use bytehound_index::layout::{FrameRecord, NONE, StackKeys, section};
use bytehound_index::summary_tables::{read_buckets, read_cells, read_manifest, read_summaries};
use bytehound_index::{BacktraceSummary, Cell, IndexError, Manifest, TimeBucket};
use bytehound_store::{BuildKey, NewProfile, Number, ProfileId, Segment, Store};

/// One row, as its columns say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) birth: u64,
    pub(crate) death: u64,
    pub(crate) size: u64,
    pub(crate) extra: u32,
    pub(crate) address: u64,
    pub(crate) backtrace: u32,
    pub(crate) thread: u32,
    pub(crate) flags: u8,
    pub(crate) marker: u32,
    pub(crate) id: u32,
    pub(crate) death_backtrace: u32,
}

/// A finished index.
pub(crate) struct Built {
    pub(crate) manifest: Manifest,
    pub(crate) summaries: Vec<BacktraceSummary>,
    pub(crate) buckets: Vec<TimeBucket>,
    pub(crate) cells: Vec<(u64, Cell)>,
    pub(crate) segment: Arc<Segment>,
    pub(crate) store: Store,
    pub(crate) profile: ProfileId,
}

impl Built {
    pub(crate) fn of(capture: &[u8]) -> Self {
        Self::try_of(capture).expect("a capture that can be indexed")
    }

    pub(crate) fn try_of(capture: &[u8]) -> Result<Self, IndexError> {
        let (store, profile) = stored(capture);
        let manifest = ingest(&store, &profile, &())?;
        Self::read(store, profile, manifest)
    }

    /// Phase by phase, with so much memory for live blocks.
    pub(crate) fn within(budget: LiveBudget, capture: &[u8]) -> Result<Self, IndexError> {
        let (store, profile) = stored(capture);
        let key = BuildKey { profile: profile.clone(), generation: store.catalog().begin_build(&profile)? };
        let loaded = load_stored(&store, &profile, budget, &())?;
        let symbols = symbolize(&loaded, &store, &())?;
        let manifest = write(loaded, symbols, &store, &key, &())?;
        publish(&store, &key, &manifest)?;
        Self::read(store, profile, manifest)
    }

    fn read(store: Store, profile: ProfileId, manifest: Manifest) -> Result<Self, IndexError> {
        let record = store.catalog().get(&profile)?.expect("it was just stored");
        let key = record.ready_build().expect("it was just published");
        let reader = store.summaries().open(&key)?;
        assert_eq!(read_manifest(&*reader)?, manifest);
        Ok(Self {
            summaries: read_summaries(&*reader, manifest.backtraces)?,
            buckets: read_buckets(&*reader)?,
            cells: read_cells(&*reader, 0..u64::MAX)?,
            segment: store.segments().open(&key)?,
            manifest,
            profile,
            store,
        })
    }

    pub(crate) fn column<T: Number>(&self, name: &str) -> Vec<T> {
        let column = self.segment.column::<T>(name).expect("a column that was written");
        (0..column.len()).filter_map(|at| column.get(at)).collect()
    }

    pub(crate) fn records<T: bytemuck::Pod>(&self, name: &str) -> Vec<T> {
        self.segment.slice(name).expect("a section that was written").to_vec()
    }

    pub(crate) fn rows(&self) -> Vec<Row> {
        let birth: Vec<u64> = self.column(section::BIRTH);
        let death: Vec<u64> = self.column(section::DEATH);
        let size: Vec<u64> = self.column(section::SIZE);
        let extra: Vec<u32> = self.column(section::EXTRA);
        let address: Vec<u64> = self.column(section::ADDRESS);
        let backtrace: Vec<u32> = self.column(section::BACKTRACE);
        let thread: Vec<u32> = self.column(section::THREAD);
        let flags: Vec<u8> = self.column(section::FLAGS);
        let marker: Vec<u32> = self.column(section::MARKER);
        let id: Vec<u32> = self.column(section::ID);
        let death_backtrace: Vec<u32> = self.column(section::DEATH_BACKTRACE);
        let row = |at: usize| Row {
            birth: birth[at],
            death: death[at],
            size: size[at],
            extra: extra[at],
            address: address[at],
            backtrace: backtrace[at],
            thread: thread[at],
            flags: flags[at],
            marker: marker[at],
            id: id[at],
            death_backtrace: death_backtrace[at],
        };
        (0..birth.len()).map(row).collect()
    }

    /// The ids of the rows of every chain.
    pub(crate) fn chains(&self) -> Vec<Vec<u32>> {
        let offsets: Vec<u32> = self.column(section::CHAIN_OFFSETS);
        let members: Vec<u32> = self.column(section::CHAIN_ROWS);
        let ids: Vec<u32> = self.column(section::ID);
        let numbers: Vec<u32> = self.column(section::CHAIN);
        let chain = |number: usize| {
            let rows = &members[offsets[number] as usize..offsets[number + 1] as usize];
            assert!(rows.iter().all(|&row| numbers[row as usize] == number as u32));
            rows.iter().map(|&row| ids[row as usize]).collect()
        };
        assert_eq!(numbers.iter().filter(|&&number| number != NONE).count(), members.len());
        (0..offsets.len() - 1).map(chain).collect()
    }

    /// Outermost first.
    pub(crate) fn frames(&self, backtrace: u32) -> Vec<FrameRecord> {
        let offsets: Vec<u32> = self.column(section::BACKTRACE_OFFSETS);
        let members: Vec<u32> = self.column(section::BACKTRACE_FRAMES);
        let frames: Vec<FrameRecord> = self.records(section::FRAMES);
        let at = backtrace as usize;
        members[offsets[at] as usize..offsets[at + 1] as usize].iter().map(|&f| frames[f as usize]).collect()
    }

    pub(crate) fn string(&self, number: u32) -> Option<String> {
        let offsets: Vec<u64> = self.column(section::STRING_OFFSETS);
        let bytes: Vec<u8> = self.column(section::STRING_BYTES);
        let at = number as usize;
        let range = (number != NONE).then(|| offsets[at] as usize..offsets[at + 1] as usize)?;
        Some(String::from_utf8(bytes[range].to_vec()).expect("strings are UTF-8"))
    }

    pub(crate) fn keys(&self) -> Vec<StackKeys> {
        self.records(section::STACK_KEYS)
    }
}

/// A temporary store with this capture in it.
pub(crate) fn stored(capture: &[u8]) -> (Store, ProfileId) {
    stored_with_labels(capture, &[])
}

pub(crate) fn stored_with_labels(capture: &[u8], labels: &[(&str, &str)]) -> (Store, ProfileId) {
    let store = Store::temporary().expect("a temporary directory");
    let mut incoming = store.captures().receive().expect("room for a capture");
    incoming.write_all(capture).expect("room for a capture");
    let labels = labels.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    let new = NewProfile { name: String::new(), labels };
    let received = incoming.commit(new).expect("room for a capture");
    (store, received.record.id)
}
