//! Everything that can go wrong inside a function of the scripting language.

use bytehound_index::IndexError;
use rhai::{Dynamic, EvalAltResult, Position};

use crate::span::Span;

/// A native call that failed; scripts see it as a runtime error with its line and column.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("no globally loaded {0}")]
    NothingLoaded(&'static str),
    #[error("index out of range: `{index}`, the list has {len} element(s)")]
    OutOfRange { index: i64, len: u64 },
    #[error("lists don't come from the same data file")]
    ForeignList,
    #[error("the given backtraces don't come from the same data file as the list")]
    ForeignBacktraces,
    #[error("expected an array of 'Duration's, got {0}")]
    NotDurations(String),
    #[error(
        "expected a raw backtrace ID, 'Backtrace' object, 'AllocationList' object, 'MapList' object, or an array of any of them, got {0}"
    )]
    NotBacktraces(String),
    #[error("the given maps don't come from the same data file as the list")]
    ForeignMaps,
    #[error("expected a raw map ID, 'Map' object, 'MapList' object, or an array of any of them, got {0}")]
    NotMaps(String),
    #[error("failed to compile regex: {0}")]
    Regex(String),
    #[error("`{function}` expected {expected}, got `{got}`")]
    Argument { function: &'static str, expected: &'static str, got: String },
    #[error("`{0}` - `{1}` is negative: a duration can't be")]
    NegativeDuration(Span, Span),
    #[error("the duration is too long: it must fit into 2⁶⁴ microseconds")]
    DurationOverflow,
    #[error("called `unwrap` on a value that is `None`: test it with `is_some()` first")]
    UnwrapNone,
    #[error("unsupported in this environment")]
    Unsupported,
    #[error("malformed format string")]
    FormatUnterminated,
    #[error("malformed positional argument \"{0}\"")]
    FormatPosition(String),
    #[error("invalid reference to positional argument {0}")]
    FormatReference(usize),
    #[error("too many positional arguments in the format string")]
    FormatArguments,
    #[error("failed to generate a graph: empty graph")]
    EmptyGraph,
    #[error("not an allocation graph: it shows maps")]
    NotAllocationGraph,
    #[error("not a map graph: it shows allocations")]
    NotMapGraph,
    #[error("only allocation graphs can be saved as a flamegraph")]
    FlameOfMaps,
    #[error("a graph can have at most {limit} series, and this one would have {wanted}: use `take` first")]
    TooManySeries { limit: usize, wanted: usize },
    #[error("failed to generate a graph: {0}")]
    Drawing(String),
    #[error("failed to create a gradient: {0}")]
    Gradient(String),
    #[error("failed to generate a flame graph: {0}")]
    Flame(String),
    #[error("{0}")]
    File(String),
    #[error("nobody reads the standard output any more")]
    ReaderGone,
    #[error(
        "{found} profiles have these labels, and a script gets at most {limit} at once: name more labels"
    )]
    TooManyProfiles { limit: usize, found: usize },
    #[error("the script printed more than {0} bytes")]
    OutputLimit(usize),
    #[error("the script wrote more than {0} bytes to files")]
    FilesLimit(usize),
    #[error("`compare` expected a 'Data' object, an 'AllocationList' object, or an array of either, got {0}")]
    NotComparable(String),
    #[error("unknown metric `{got}`: expected one of {expected}")]
    Metric { got: String, expected: String },
    #[error(transparent)]
    Index(#[from] IndexError),
}

/// Why a script was ended from outside of itself; a script cannot catch it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    Exit(i64),
    Cancelled,
    Deadline,
}

impl Stop {
    pub(crate) fn into_error(self) -> Box<EvalAltResult> {
        EvalAltResult::ErrorTerminated(Dynamic::from(self), Position::NONE).into()
    }
}

impl From<Failure> for Box<EvalAltResult> {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Index(IndexError::Cancelled) => Stop::Cancelled.into_error(),
            Failure::Index(IndexError::Deadline) => Stop::Deadline.into_error(),
            // Whoever closed the pipe has read enough: that is no error.
            Failure::ReaderGone => Stop::Exit(0).into_error(),
            // A script that could catch these would go on printing.
            Failure::OutputLimit(_) | Failure::FilesLimit(_) => {
                EvalAltResult::ErrorSystem(String::new(), Box::new(failure)).into()
            }
            other => EvalAltResult::ErrorRuntime(other.to_string().into(), Position::NONE).into(),
        }
    }
}

/// What native functions return to Rhai.
pub(crate) type Answer<T> = Result<T, Box<EvalAltResult>>;
