//! Running the interpreter on a thread of its own, under watch.
//!
//! The interpreter recurses on the machine's stack, and Rhai bounds single values but not what all of them take
//! together: elements assigned one by one are not added up. So it gets a large stack, and meanwhile the thread that
//! called it looks at the memory of the process, and passes on that the caller gave up.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use bytehound_index::Cancel;
use rustix::process::setpriority_process;

use crate::limits::Limits;
use crate::memory::anonymous_bytes;
use crate::session::Session;

/// Enough for the call levels of [`crate::Limits::relaxed`] in a debug build; only what is touched takes memory.
const STACK_BYTES: usize = 256 << 20;
/// Time between two looks.
const PERIOD: Duration = Duration::from_millis(10);

/// What `evaluate` gives, or why it gave nothing.
///
/// The session is cancelled when `caller` is, or when the process grows by more than its `limits` allow.
pub(crate) fn supervise<T: Send>(
    session: &Session,
    caller: &Cancel,
    limits: &Limits,
    evaluate: impl FnOnce() -> T + Send,
) -> Result<T, String> {
    let &Limits { memory_bytes, niceness, .. } = limits;
    let memory_end = anonymous_bytes().map_or(u64::MAX, |now| now.saturating_add(memory_bytes));
    let look = || {
        if caller.is_cancelled() {
            session.cancel().cancel();
        } else if anonymous_bytes().is_some_and(|now| now > memory_end) {
            session.end(format!("memory grew by more than {memory_bytes} bytes while the script ran"));
        }
    };
    // Who is cancelled by now is not to get anywhere.
    look();
    thread::scope(|scope| {
        let (done, finished) = channel::<()>();
        let evaluate = move || {
            // Dropped when the interpreter is through, be it by a panic.
            let _done = done;
            if niceness > 0 {
                // Of this thread alone, as Linux has it. Where it is refused, the limits hold all the same.
                _ = setpriority_process(None, niceness);
            }
            evaluate()
        };
        let running = thread::Builder::new()
            .name("script".to_owned())
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, evaluate)
            .map_err(|error| format!("no thread for the script: {error}"))?;
        while finished.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
            look();
        }
        running.join().map_err(|_| "the interpreter panicked".to_owned())
    })
}
