//! Forks that the C library tells nobody of: `_Fork`, which may be called in signal handlers. Of `fork` itself it tells
//! those who have registered.
#![expect(unsafe_code, reason = "a hook passes the program's call on")]

use core::ffi::c_int;

use crate::arch::{HookFrame, hook_entry};
use crate::handover;
use crate::real::Real;

static FORK: Real = Real::new(c"_Fork");

/// Looks the function up, so that a signal handler need not.
pub(crate) fn look_up_all() {
    let _ = FORK.address();
}

#[cfg_attr(test, expect(dead_code, reason = "tests keep the program's own functions"))]
unsafe extern "C" fn on_fork(_: *const HookFrame) -> c_int {
    type Function = unsafe extern "C" fn() -> c_int;
    let Some(address) = FORK.address() else { return -1 };
    // SAFETY: the function of this name has this type.
    let real = unsafe { core::mem::transmute::<usize, Function>(address) };
    // SAFETY: the program itself makes this call.
    let process = unsafe { real() };
    if process == 0 {
        handover::replace_in_child();
    }
    process
}

/// The exported function.
#[cfg_attr(test, expect(non_snake_case, reason = "named as the function"))]
mod exported {
    use super::hook_entry;

    hook_entry!(
        #[cfg_attr(not(test), unsafe(no_mangle))]
        _Fork,
        0,
        super::on_fork
    );
}
