//! From the first hooked call to the end of the process.
//!
//! The first call, often made by the loader itself, sets the library up and starts recording into rings. The
//! constructor, once the C library stands, starts the writer. The end, whichever way the program takes it,
//! waits until the writer has written everything.
#![expect(unsafe_code, reason = "registers callbacks with the C library and starts the writer")]

use core::ffi::{c_int, c_void};
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};
use core::time::Duration;
use std::sync::OnceLock;

use bytehound_format::EndCause;

use crate::capture::{self, Mode};
use crate::clock::{self, Pair};
use crate::log::{self, Level};
use crate::settings::{self, Settings};
use crate::writer::{self, FlushRequest};
use crate::{
    allocators, exec, fork, handover, hooks, maps, real, region, sandbox, signal, sys, thread_end, unwind,
};

/// What is known from the start on.
pub(crate) struct Start {
    pub(crate) settings: Settings,
    /// What is doubtful about the settings.
    pub(crate) warnings: Vec<String>,
    /// How many captured programs this process has executed before this one.
    pub(crate) executed: u64,
    pub(crate) moment: Pair,
    pub(crate) process: u32,
}

static START: OnceLock<Start> = OnceLock::new();
/// What could not be detoured.
static DETOURS: OnceLock<Vec<String>> = OnceLock::new();
static GRABS_BACKTRACES_ON_FREE: AtomicBool = AtomicBool::new(true);
/// Whether the C library is set up, so that threads may be started.
static CONSTRUCTED: AtomicBool = AtomicBool::new(false);

/// What the writer is asked for, and what it has done.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
enum Stage {
    NotStarted,
    Running,
    Finishing,
    Finished,
}
static STAGE: AtomicU32 = AtomicU32::new(Stage::NotStarted as u32);

fn advance(from: Stage, to: Stage) -> bool {
    STAGE.compare_exchange(from as u32, to as u32, Ordering::AcqRel, Ordering::Acquire).is_ok()
}

fn stage_is(stage: Stage) -> bool {
    STAGE.load(Ordering::Acquire) == stage as u32
}

pub(crate) fn start_facts() -> Option<&'static Start> {
    START.get()
}

/// What is missing from the capture, or odd about it, as it was known before the writer began.
pub(crate) fn warnings() -> impl Iterator<Item = &'static str> {
    let settings = START.get().map_or(&[][..], |start| &start.warnings);
    settings.iter().chain(DETOURS.get().into_iter().flatten()).map(String::as_str)
}

#[inline(always)]
pub(crate) fn grabs_backtraces_on_free() -> bool {
    GRABS_BACKTRACES_ON_FREE.load(Ordering::Relaxed)
}

/// Sets the library up, at the first hooked call of the process.
#[cold]
pub(crate) fn initialise() {
    // Other threads, and calls made from here, pass through meanwhile.
    if !capture::change_mode(Mode::New, Mode::Silent) {
        return;
    }
    capture::privately(|| {
        hooks::look_up_all();
        exec::look_up_all();
        fork::look_up_all();
        sandbox::look_up_all();
        clock::choose();
        let (settings, warnings) = settings::from_environment();
        GRABS_BACKTRACES_ON_FREE.store(settings.grab_backtraces_on_free, Ordering::Relaxed);
        maps::on::gather(settings.gathers_maps());
        log::set_level(settings.log);
        warnings.iter().for_each(|warning| log::say(Level::Warn, format_args!("{warning}")));
        if settings.zero_memory {
            hooks::zero_memory();
        }
        unwind::use_stack_cache(settings.use_shadow_stack);
        unwind::check_backtraces(settings.check_backtraces);
        match real::symbol(real::Scope::Anywhere, c"_dl_find_object") {
            Some(function) => unwind::set_find_object(function),
            None => unwind::note_loaded(),
        }
        thread_end::create_key();
        let mode = if settings.disable_by_default { Mode::Idle } else { Mode::Recording };
        let process = sys::process_id().unwrap_or(0);
        let executed = settings.executed_by(process);
        let has_region = region::make(&settings, process).is_some();
        let start = Start { settings, warnings, executed, moment: Pair::now(), process };
        if START.set(start).is_ok() && has_region {
            capture::open(mode);
        }
    });
}

#[cfg(not(test))]
#[used]
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: extern "C" fn() = construct;

/// Runs before the program's `main`, and before the loader registers its own work for the end.
#[cfg_attr(test, expect(dead_code, reason = "tests are not preloaded"))]
extern "C" fn construct() {
    initialise();
    let Some(start) = start_facts() else { return };
    capture::privately(|| {
        let warnings = DETOURS.get_or_init(install_detours);
        warnings.iter().for_each(|warning| log::say(Level::Warn, format_args!("{warning}")));
        register_end_and_forks();
        register_signals(&start.settings);
        if !start.settings.track_child_processes {
            crate::environment::hide_preload();
        }
    });
    CONSTRUCTED.store(true, Ordering::Release);
    if capture::is(Mode::Recording) {
        ensure_writer();
        wait_for_the_file();
    }
    handover::hide_descriptor(stage_is(Stage::Running));
}

fn install_detours() -> Vec<String> {
    let mut warnings = allocators::install();
    if maps::on::gathers() {
        warnings.extend(maps::within::install());
    }
    warnings
}

unsafe extern "C" {
    fn __register_atfork(
        before: Option<extern "C" fn()>,
        in_parent: Option<extern "C" fn()>,
        in_child: Option<extern "C" fn()>,
        library: *mut c_void,
    ) -> c_int;
    fn __cxa_atexit(call: extern "C" fn(*mut c_void), argument: *mut c_void, library: *mut c_void) -> c_int;
    fn __cxa_at_quick_exit(call: extern "C" fn(*mut c_void), library: *mut c_void) -> c_int;
}

extern "C" fn at_exit(_: *mut c_void) {
    finish();
}

/// The end is registered first, so called last: after all destructors. No library's unloading removes it (the null).
fn register_end_and_forks() {
    let nothing = core::ptr::null_mut();
    // SAFETY: the callback stays valid: the library is never unloaded.
    unsafe {
        __cxa_atexit(at_exit, nothing, nothing);
        __cxa_at_quick_exit(at_exit, nothing);
        __register_atfork(None, None, Some(handover::replace_in_child), nothing);
    }
}

fn register_signals(settings: &Settings) {
    for (wanted, signal) in
        [(settings.register_sigusr1, libc::SIGUSR1), (settings.register_sigusr2, libc::SIGUSR2)]
    {
        if wanted {
            register_toggle(signal);
        }
    }
}

fn register_toggle(signal: c_int) {
    extern "C" fn on_signal(_: c_int) {
        toggle();
    }
    // SAFETY: an empty `sigaction` is a valid one.
    let mut current: libc::sigaction = unsafe { core::mem::zeroed() };
    // SAFETY: only asks.
    let known = unsafe { libc::sigaction(signal, core::ptr::null(), &raw mut current) } == 0;
    if !known || current.sa_sigaction != libc::SIG_DFL {
        return;
    }
    let handler: extern "C" fn(c_int) = on_signal;
    let mut action = current;
    action.sa_sigaction = handler as usize;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: the handler only changes an atomic.
    unsafe { libc::sigaction(signal, &raw const action, core::ptr::null_mut()) };
}

/// Starts recording if it is off, else stops it. Safe in a signal handler.
fn toggle() {
    let _ = capture::change_mode(Mode::Recording, Mode::Stopped)
        || capture::change_mode(Mode::Stopped, Mode::Recording)
        || capture::change_mode(Mode::Idle, Mode::Recording);
}

/// Starts recording.
#[cfg_attr(test, expect(dead_code, reason = "called by programs"))]
pub(crate) fn start() {
    initialise();
    if capture::change_mode(Mode::Idle, Mode::Recording)
        || capture::change_mode(Mode::Stopped, Mode::Recording)
    {
        ensure_writer();
    }
}

/// Stops recording births.
#[cfg_attr(test, expect(dead_code, reason = "called by programs"))]
pub(crate) fn stop() {
    initialise();
    let _ =
        capture::change_mode(Mode::Recording, Mode::Stopped) || capture::change_mode(Mode::New, Mode::Idle);
}

/// Waits until everything so far is in the file, at most for `patience`; says whether it is.
pub(crate) fn sync(patience: Duration) -> bool {
    if !writer_runs_here() {
        return false;
    }
    let request = FlushRequest::new();
    let deadline = Deadline::after(patience);
    while !request.wait(STEP) && stage_is(Stage::Running) && !deadline.is_over() {}
    stage_is(Stage::Running) && request.is_answered()
}

const STEP: Duration = Duration::from_millis(20);
/// The end of the program waits so long for the writer.
const FINISH_PATIENCE: Duration = Duration::from_secs(60);

/// Lets a program whose memory is shared begin only when it has a file, so that nothing of it is lost even if it is
/// killed at once.
fn wait_for_the_file() {
    let deadline = Deadline::after(Duration::from_secs(1));
    while handover::is_waiting() && stage_is(Stage::Running) && !deadline.is_over() {
        signal::pause(Duration::from_micros(100));
    }
}

/// Starts the writer if it does not run and can.
pub(crate) fn ensure_writer() {
    if !CONSTRUCTED.load(Ordering::Acquire) || !advance(Stage::NotStarted, Stage::Running) {
        return;
    }
    if let Err(errno) = writer::start() {
        STAGE.store(Stage::Finished as u32, Ordering::Release);
        capture::silence();
        log::say(Level::Error, format_args!("cannot start the writing thread (error {})", errno.0));
        log::take(|lines| {
            // There is nobody to tell that the log itself fails.
            let _ = sys::write_all(sys::STDERR, lines);
        });
    }
}

/// Whether a writer exists that reads this process's rings.
pub(crate) fn writer_runs_here() -> bool {
    let started = stage_is(Stage::Running) || stage_is(Stage::Finishing);
    started && start_facts_here().is_some()
}

/// As [`start_facts`], but nothing in a child of a fork.
pub(crate) fn start_facts_here() -> Option<&'static Start> {
    start_facts().filter(|start| sys::process_id().is_none_or(|process| process == start.process))
}

/// Ends the capture: returns when all data is in the file. Safe to call from anywhere, again and again.
pub(crate) fn finish() {
    // A child of `vfork` runs in its parent's memory and must not end the parent's capture.
    if !writer_runs_here() {
        return;
    }
    begin_finish();
    let deadline = Deadline::after(FINISH_PATIENCE);
    while !stage_is(Stage::Finished) && !deadline.is_over() {
        signal::wake_writer();
        sys::futex_wait(&STAGE, Stage::Finishing as u32, STEP);
    }
}

/// Ends recording, and asks the writer to write the rest and end.
pub(crate) fn begin_finish() {
    capture::silence();
    advance(Stage::Running, Stage::Finishing);
}

/// A moment after which nobody waits any more.
struct Deadline(u64);

impl Deadline {
    fn after(patience: Duration) -> Self {
        Self(clock::nanoseconds().saturating_add(patience.as_nanos() as u64))
    }

    fn is_over(&self) -> bool {
        clock::nanoseconds() >= self.0
    }
}

/// The exit status of the process, as far as it is known.
static STATUS: AtomicI32 = AtomicI32::new(0);

/// Takes note of the status that the process exits with.
pub(crate) fn note_status(status: c_int) {
    STATUS.store(status, Ordering::Relaxed);
}

/// Why the capture ends.
pub(crate) fn end_cause() -> EndCause {
    EndCause::Exit { status: STATUS.load(Ordering::Relaxed) }
}

/// Whether the writer should write the rest and end.
pub(crate) fn is_finishing() -> bool {
    stage_is(Stage::Finishing)
}

/// The writer has ended, whether it was asked to or had to.
pub(crate) fn finished() {
    capture::silence();
    STAGE.store(Stage::Finished as u32, Ordering::Release);
    sys::futex_wake(&STAGE);
}
