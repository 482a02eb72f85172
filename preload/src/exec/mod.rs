//! Executing another program in the same process: the capture so far is written out, and the program that comes
//! is captured too, into a file of its own.
//!
//! All functions of the family are hooked, because inside the C library they do not call each other by name.
#![expect(unsafe_code, reason = "hooks take the program's strings")]

mod arguments;
mod environment;

use core::ffi::{c_char, c_int};
use core::time::Duration;

use crate::arch::{VariadicFrame, hook_entry, variadic_entry};
use crate::handover;
use crate::lifecycle;
use crate::log::{self, Level};
use crate::real::Real;
use crate::streaming;
use arguments::Arguments;
use environment::{NextEnvironment, Told};

/// Strings of the program, ended by a null pointer.
type Strings = *const *const c_char;

static EXECVE: Real = Real::new(c"execve");
static EXECVPE: Real = Real::new(c"execvpe");
static FEXECVE: Real = Real::new(c"fexecve");
static EXECVEAT: Real = Real::new(c"execveat");

/// Looks the functions up, so that children of a fork need not.
pub(crate) fn look_up_all() {
    let _ = [&EXECVE, &EXECVPE, &FEXECVE, &EXECVEAT].map(Real::address);
}

/// How long the program waits at most for its capture to be written.
const PATIENCE: Duration = Duration::from_secs(10);

/// Executes by `call`. If that fails, all goes on as before.
fn execute(environment: Strings, call: impl FnOnce(Strings) -> Option<c_int>) -> c_int {
    // A child of `fork` or `vfork` has no capture of its own to end, and none to go on with.
    let Some(start) = lifecycle::start_facts_here() else { return call(environment).unwrap_or(-1) };
    let passed_on = handover::pass_on();
    let told = Told { process: start.process, number: start.executed + 1, ticket: passed_on.ticket() };
    let next = NextEnvironment::prepare(environment, &told);
    let follows = if next.is_some() { "a capture of it goes to a new file" } else { "it is not preloaded" };
    log::say(Level::Info, format_args!("another program is executed: {follows}"));
    if lifecycle::sync(PATIENCE) {
        streaming::catch_up(PATIENCE);
    }
    call(next.as_ref().map_or(environment, NextEnvironment::strings)).unwrap_or(-1)
}

unsafe extern "C" fn on_execve(path: *const c_char, arguments: Strings, environment: Strings) -> c_int {
    type Function = unsafe extern "C" fn(*const c_char, Strings, Strings) -> c_int;
    execute(environment, |environment| {
        // SAFETY: the function of this name has this type, and the program itself makes this call.
        let real = |address| unsafe { core::mem::transmute::<usize, Function>(address) };
        // SAFETY: as above.
        EXECVE.address().map(real).map(|real| unsafe { real(path, arguments, environment) })
    })
}

unsafe extern "C" fn on_execvpe(file: *const c_char, arguments: Strings, environment: Strings) -> c_int {
    type Function = unsafe extern "C" fn(*const c_char, Strings, Strings) -> c_int;
    execute(environment, |environment| {
        // SAFETY: as in `on_execve`.
        let real = |address| unsafe { core::mem::transmute::<usize, Function>(address) };
        // SAFETY: as in `on_execve`.
        EXECVPE.address().map(real).map(|real| unsafe { real(file, arguments, environment) })
    })
}

unsafe extern "C" fn on_fexecve(descriptor: c_int, arguments: Strings, environment: Strings) -> c_int {
    type Function = unsafe extern "C" fn(c_int, Strings, Strings) -> c_int;
    execute(environment, |environment| {
        // SAFETY: as in `on_execve`.
        let real = |address| unsafe { core::mem::transmute::<usize, Function>(address) };
        // SAFETY: as in `on_execve`.
        FEXECVE.address().map(real).map(|real| unsafe { real(descriptor, arguments, environment) })
    })
}

unsafe extern "C" fn on_execveat(
    folder: c_int,
    path: *const c_char,
    arguments: Strings,
    environment: Strings,
    flags: c_int,
) -> c_int {
    type Function = unsafe extern "C" fn(c_int, *const c_char, Strings, Strings, c_int) -> c_int;
    execute(environment, |environment| {
        // SAFETY: as in `on_execve`.
        let real = |address| unsafe { core::mem::transmute::<usize, Function>(address) };
        // SAFETY: as in `on_execve`.
        EXECVEAT.address().map(real).map(|real| unsafe { real(folder, path, arguments, environment, flags) })
    })
}

unsafe extern "C" fn on_execv(path: *const c_char, arguments: Strings) -> c_int {
    // SAFETY: the program's own call, with its own environment.
    unsafe { on_execve(path, arguments, crate::environment::current()) }
}

unsafe extern "C" fn on_execvp(file: *const c_char, arguments: Strings) -> c_int {
    // SAFETY: as in `on_execv`.
    unsafe { on_execvpe(file, arguments, crate::environment::current()) }
}

unsafe extern "C" fn on_execl(path: *const c_char, frame: *const VariadicFrame) -> c_int {
    // SAFETY: the exported function passes its own arguments, which end with a null pointer.
    unsafe { Arguments::collect(frame, |arguments, _| on_execv(path, arguments)) }
}

unsafe extern "C" fn on_execlp(file: *const c_char, frame: *const VariadicFrame) -> c_int {
    // SAFETY: as in `on_execl`.
    unsafe { Arguments::collect(frame, |arguments, _| on_execvp(file, arguments)) }
}

unsafe extern "C" fn on_execle(path: *const c_char, frame: *const VariadicFrame) -> c_int {
    // SAFETY: as in `on_execl`; the environment follows the null pointer.
    unsafe {
        Arguments::collect(frame, |arguments, next| on_execve(path, arguments, next.cast::<*const c_char>()))
    }
}

/// The exported functions.
#[cfg_attr(test, expect(dead_code, reason = "tests keep the program's own functions"))]
mod exported {
    use super::{hook_entry, variadic_entry};

    macro_rules! export {
        ($($name:ident $([$arity:tt])? => $behind:path;)*) => {
            $(export!(@ $name $([$arity])? => $behind);)*
        };
        (@ $name:ident [$arity:tt] => $behind:path) => {
            hook_entry!(#[cfg_attr(not(test), unsafe(no_mangle))] $name, $arity, $behind);
        };
        (@ $name:ident => $behind:path) => {
            variadic_entry!(#[cfg_attr(not(test), unsafe(no_mangle))] $name, $behind);
        };
    }

    // With the number of arguments, or variadic.
    export! {
        execve [3] => super::on_execve;
        execv [2] => super::on_execv;
        execvp [2] => super::on_execvp;
        execvpe [3] => super::on_execvpe;
        fexecve [3] => super::on_fexecve;
        execveat [5] => super::on_execveat;
        execl => super::on_execl;
        execlp => super::on_execlp;
        execle => super::on_execle;
    }
}
