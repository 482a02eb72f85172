//! Mappings that the C library makes for itself: for large blocks, arenas, stacks of threads. It does not look its own
//! functions up, so these are detoured, and seen whoever calls them.
#![expect(unsafe_code, reason = "takes the arguments and results of the program's calls")]

use core::ffi::{c_int, c_void};
use core::ptr::with_exposed_provenance_mut;

use super::on::{self, Begun, Moving};
use crate::arch::{Call, Detoured, GO_ON, detoured_entry};
use crate::calls::{Request, What};
use crate::detour::{self, Planned, modules};
use crate::log::{self, Level};

/// A detoured function.
#[derive(Clone, Copy, Debug)]
enum Function {
    Map,
    Unmap,
    Remap,
}

const FUNCTIONS: [(&[u8], Function); 3] =
    [(b"mmap", Function::Map), (b"munmap", Function::Unmap), (b"mremap", Function::Remap)];

/// What is remembered while the function runs.
type Memory = Option<Begun>;

const _: () = assert!(size_of::<Memory>() <= size_of::<[u64; 5]>() && align_of::<Memory>() <= 8);

detoured_entry!(
    /// Where the three functions lead.
    entry, before, after, unwound
);

/// # Safety
/// The entry passes its own frame.
unsafe extern "C" fn before(call: *mut Call) -> u64 {
    // SAFETY: the frame is the entry's, which waits.
    let call = unsafe { &mut *call };
    // SAFETY: the entry made the frame.
    let detoured = unsafe { call.frame.detoured() };
    let [address, len, ..] = call.arguments.map(|argument| argument as u64);
    let begun = on::begin(match function(detoured) {
        Function::Unmap => Some((address, len)),
        Function::Map | Function::Remap => None,
    });
    // SAFETY: the room is as large and as aligned as was checked above.
    unsafe { call.memory.as_mut_ptr().cast::<Memory>().write(begun) };
    detoured.original
}

/// # Safety
/// The entry passes its own frame, after `before`, and what the function returned.
unsafe extern "C" fn after(call: *mut Call, result: usize) -> usize {
    // SAFETY: as in `before`, which has left the memory there.
    let (call, begun) = unsafe { (&*call, (&raw const (*call).memory).cast::<Memory>().read()) };
    if let Some(begun) = begun {
        begun.end(&call.frame, done(call, result));
    }
    result
}

/// None of these functions is left by an exception.
unsafe extern "C" fn unwound(_: c_int, _: c_int, _: u64, _: *const c_void, _: *const c_void) -> c_int {
    GO_ON
}

/// What a call that has returned has done.
fn done(call: &Call, result: usize) -> Option<What> {
    let [a, b, c, d, e, f] = call.arguments.map(|argument| argument as u64);
    let place = with_exposed_provenance_mut(result);
    // SAFETY: the entry made the frame.
    match function(unsafe { call.frame.detoured() }) {
        Function::Map => {
            let (protection, flags, descriptor) = (c as u32, d as u32, e as u32);
            on::mapped(
                Request { address: a, len: b, protection, flags, descriptor, offset: f },
                place,
                &call.frame,
            )
        }
        Function::Unmap => on::unmapped(a, b, result as c_int),
        Function::Remap => {
            on::remapped(Moving { old: a, old_len: b, new_len: c, flags: d as u32 }, place, &call.frame)
        }
    }
}

fn function(detoured: &Detoured) -> Function {
    // SAFETY: `install`, which alone makes these, has put one there.
    unsafe { *detoured.subject.cast() }
}

/// Detours the C library's functions; gives what is missing if that fails.
///
/// Call it while no other thread runs.
pub(crate) fn install() -> Option<String> {
    let library = modules().into_iter().find(|module| module.function(b"__libc_start_main").is_some())?;
    let functions = FUNCTIONS.iter().filter_map(|(name, function)| Some((library.function(name)?, function)));
    let mut planned: Vec<_> = functions
        .map(|(place, function)| {
            let subject = core::ptr::from_ref(function).cast();
            // The entry refers to it for good.
            let detoured = Box::leak(Box::new(Detoured { leaf: 0, original: 0, subject }));
            Planned { function: place, detoured }
        })
        .collect();
    let hook = (entry as unsafe extern "C" fn()) as usize as u64;
    let made = detour::prepare(&mut planned, hook).and_then(|(slots, outcomes)| {
        outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).for_each(|refusal| {
            log::say(
                Level::Debug,
                format_args!("a mapping function of the C library is not detoured: {refusal}"),
            );
        });
        detour::make(&slots, &outcomes)
    });
    made.err().map(|why| format!("mappings of the C library itself are recorded without backtraces: {why}"))
}
