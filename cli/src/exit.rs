//! The one place where the program ends: what it says, and with which code.

use std::process::ExitCode;

/// `compare`: something went wrong, which is neither "same" (0) nor "different" (1).
pub(crate) const COMPARE_TROUBLE: u8 = 2;

/// Ends with the code of a command, or with 1 and the reason.
pub(crate) fn with(outcome: anyhow::Result<u8>) -> ExitCode {
    with_trouble(outcome, 1)
}

/// Ends with the code of a command, or with `trouble` and the reason. A reader that has gone is no trouble.
pub(crate) fn with_trouble(outcome: anyhow::Result<u8>, trouble: u8) -> ExitCode {
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(trouble)
        }
    }
}

/// Ends after a wrong command line, or one that asks for help. As in the original, wrong usage is 1; for `compare`, 2.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    // Nothing is left to be done if even this cannot be printed.
    drop(error.print());
    let comparing = std::env::args_os().nth(1).is_some_and(|command| command == "compare");
    match error.use_stderr() {
        false => ExitCode::SUCCESS,
        true if comparing => ExitCode::from(COMPARE_TROUBLE),
        true => ExitCode::FAILURE,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<std::io::Error>());
    causes.any(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
