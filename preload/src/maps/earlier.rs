//! Maps of moments that have passed, for a writer that is late.
//!
//! Code may be unloaded before the stacks through it are written, if the disk is slow or the capture's reader does not
//! read. Who unloads it leaves the map here, with the number that the next stack will get: those before it are named by
//! this map. Nothing here allocates but mappings of the kernel's.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytehound_format::v2::batch::Node;

use crate::clock::{self, Tick};
use crate::memory::zeroed;
use crate::sys::{self, Errno, Open, Result};

/// As many maps are kept for the writer to come; later ones are not.
pub(crate) const KEPT_MAX: usize = 64;
const TEXT_LEN: usize = 64 * 1024;

/// The text of a map, the first stack that it is too old for, and when it was left.
pub(crate) struct Earlier {
    pub(crate) text: Vec<u8>,
    pub(crate) before: Node,
    pub(crate) until: Tick,
}

struct Kept {
    maps: [Option<Earlier>; KEPT_MAX],
    len: usize,
}

static KEPT: Mutex<Kept> = Mutex::new(Kept { maps: [const { None }; KEPT_MAX], len: 0 });

fn kept() -> MutexGuard<'static, Kept> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the writer has not come for a map that was left.
pub(crate) fn are_waiting() -> bool {
    kept().len != 0
}

/// Leaves the map as it is now, for the stacks before `before`.
pub(crate) fn leave(before: Node) {
    let Ok(text) = read() else { return };
    let mut kept = kept();
    let len = kept.len;
    if let Some(place) = kept.maps.get_mut(len) {
        *place = Some(Earlier { text, before, until: clock::after() });
        kept.len += 1;
    }
}

/// Takes the maps that were left, in their order.
pub(crate) fn take(mut put: impl FnMut(Earlier)) {
    let mut kept = kept();
    let len = core::mem::take(&mut kept.len);
    kept.maps.iter_mut().take(len).filter_map(Option::take).for_each(&mut put);
}

/// The map as it is now.
pub(crate) fn read() -> Result<Vec<u8>> {
    let mut text = zeroed(TEXT_LEN).ok_or(Errno(libc::ENOMEM))?;
    let descriptor = sys::open(c"/proc/thread-self/maps", Open::Read)?;
    let result = read_all(descriptor, &mut text);
    sys::close(descriptor);
    result.map(|()| text)
}

fn read_all(from: sys::Descriptor, text: &mut Vec<u8>) -> Result<()> {
    let mut len = 0;
    loop {
        if len == text.len() {
            text.try_reserve_exact(len).map_err(|_| Errno(libc::ENOMEM))?;
            text.resize(2 * len, 0);
        }
        match sys::read(from, text.get_mut(len..).unwrap_or_default())? {
            0 => break,
            more => len += more,
        }
    }
    text.truncate(len);
    Ok(())
}
