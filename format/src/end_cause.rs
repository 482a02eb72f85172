//! Why a capture ended.

use std::fmt;

use crate::cursor::{Cursor, Stop};
use crate::field::Field;
use crate::output::Output;

/// Why a capture ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndCause {
    /// The program ended by itself.
    Exit {
        /// With this status.
        status: i32,
    },
    /// The process executes another program.
    Exec,
    /// A signal ended the program.
    Killed {
        /// This one.
        signal: i32,
    },
    /// The program went on, but no more could be recorded.
    Failed {
        /// The error of the operating system, or 0.
        error: i32,
    },
    /// The file was made of one that does not say it.
    Unknown,
    /// A cause that this version does not know.
    Other {
        /// Its number.
        cause: u32,
        /// What it says.
        value: i32,
    },
}

const EXIT: u32 = 0;
const EXEC: u32 = 1;
const KILLED: u32 = 2;
const FAILED: u32 = 3;
const UNKNOWN: u32 = 4;

impl EndCause {
    /// The two numbers that stand for it in a file.
    pub(crate) fn to_numbers(self) -> (u32, i32) {
        match self {
            Self::Exit { status } => (EXIT, status),
            Self::Exec => (EXEC, 0),
            Self::Killed { signal } => (KILLED, signal),
            Self::Failed { error } => (FAILED, error),
            Self::Unknown => (UNKNOWN, 0),
            Self::Other { cause, value } => (cause, value),
        }
    }

    fn from_numbers(cause: u32, value: i32) -> Self {
        match cause {
            EXIT => Self::Exit { status: value },
            EXEC => Self::Exec,
            KILLED => Self::Killed { signal: value },
            FAILED => Self::Failed { error: value },
            UNKNOWN => Self::Unknown,
            _ => Self::Other { cause, value },
        }
    }
}

impl<'a> Field<'a> for EndCause {
    fn put(&self, out: &mut impl Output) {
        let (cause, value) = self.to_numbers();
        cause.put(out);
        value.put(out);
    }

    fn take(cursor: &mut Cursor<'a>) -> Result<Self, Stop> {
        let cause = u32::take(cursor)?;
        Ok(Self::from_numbers(cause, i32::take(cursor)?))
    }
}

impl fmt::Display for EndCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit { status } => write!(f, "the program ended with status {status}"),
            Self::Exec => write!(f, "the process went on as another program"),
            Self::Killed { signal } => write!(f, "signal {signal} ended the program"),
            Self::Failed { error: 0 } => write!(f, "recording failed before the program ended"),
            Self::Failed { error } => {
                write!(f, "recording failed before the program ended (system error {error})")
            }
            Self::Unknown => write!(f, "the capture does not say why it ends"),
            Self::Other { cause, value } => write!(f, "it ended for reason {cause} ({value})"),
        }
    }
}
