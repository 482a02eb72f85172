//! The life of the child as a shell would have it: signals reach it, and its end is our end.
#![expect(
    unsafe_code,
    reason = "signal masks, `sigwaitinfo` and dying of a signal have no safe wrapper in std"
)]

use anyhow::{Result, bail};
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus};

/// Signals that are meant for the program when somebody sends them to us.
const FORWARDED: [libc::c_int; 8] = [
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGTERM,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGALRM,
    libc::SIGWINCH,
];

/// Runs a program to its end, passing signals on. Tells its process id when it has begun; gives that and how it ended.
pub(crate) fn run(command: &mut Command, begun: impl FnOnce(u32)) -> io::Result<(u32, ExitStatus)> {
    let waited_for = signal_set(&FORWARDED, libc::SIGCHLD);
    let before = block(&waited_for)?;
    // SAFETY: between fork and exec only `pthread_sigmask` is called, which is async-signal-safe.
    unsafe { command.pre_exec(move || set_mask(&before).map(drop)) };
    let mut child = command.spawn()?;
    let pid = child.id();
    begun(pid);
    let status = wait(&mut child, &waited_for)?;
    set_mask(&before)?;
    Ok((pid, status))
}

/// Ends as the program ended: its exit code to be returned, or the signal that killed it.
pub(crate) fn end_like(status: ExitStatus) -> Result<u8> {
    if let Some(code) = status.code() {
        // As the kernel has it: the low byte.
        return Ok(code as u8);
    }
    let Some(signal) = status.signal() else { bail!("the program ended in an unknown way: {status}") };
    no_core_of_ours();
    // SAFETY: the default action of a signal that killed the child is to end the process, and that is what is wanted.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
    }
    // Only a signal that doesn't kill gets here.
    Ok(128_u8.wrapping_add(signal as u8))
}

fn wait(child: &mut Child, signals: &libc::sigset_t) -> io::Result<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        let Some((signal, from_terminal)) = next_signal(signals)? else {
            continue;
        };
        // What the terminal sends goes to the whole foreground group: the program has got it already.
        if signal != libc::SIGCHLD && !from_terminal {
            // SAFETY: the child has not been waited for, so its id is still its own.
            unsafe { libc::kill(child.id() as libc::pid_t, signal) };
        }
    }
}

/// The next signal, and whether the kernel itself sent it, as it does for keys of a terminal.
fn next_signal(signals: &libc::sigset_t) -> io::Result<Option<(libc::c_int, bool)>> {
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    // SAFETY: both pointers are to live values of the right type.
    let signal = unsafe { libc::sigwaitinfo(signals, info.as_mut_ptr()) };
    if signal < 0 {
        let error = io::Error::last_os_error();
        return if error.kind() == io::ErrorKind::Interrupted { Ok(None) } else { Err(error) };
    }
    // SAFETY: all zeroes is a valid `siginfo_t`, and `sigwaitinfo` has filled it.
    let info = unsafe { info.assume_init() };
    Ok(Some((signal, info.si_code == libc::SI_KERNEL)))
}

fn signal_set(signals: &[libc::c_int], one_more: libc::c_int) -> libc::sigset_t {
    let mut set = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: the set is initialised by `sigemptyset` before signals, all of them valid, are added.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in signals.iter().chain([&one_more]) {
            libc::sigaddset(set.as_mut_ptr(), *signal);
        }
        set.assume_init()
    }
}

/// Blocks signals; gives the mask as it was.
fn block(signals: &libc::sigset_t) -> io::Result<libc::sigset_t> {
    change_mask(libc::SIG_BLOCK, signals)
}

fn set_mask(mask: &libc::sigset_t) -> io::Result<libc::sigset_t> {
    change_mask(libc::SIG_SETMASK, mask)
}

fn change_mask(how: libc::c_int, signals: &libc::sigset_t) -> io::Result<libc::sigset_t> {
    let mut before = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: both pointers are to live values of the right type; all zeroes is a valid set.
    match unsafe { libc::pthread_sigmask(how, signals, before.as_mut_ptr()) } {
        // SAFETY: filled by the call above.
        0 => Ok(unsafe { before.assume_init() }),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// The program has left its core, if it was to leave one; a second one, of ours, says nothing.
fn no_core_of_ours() {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a live value of the right type. If it fails, there is one core too many.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &none) };
}
