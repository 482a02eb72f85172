//! `GET /data/{id}/dynamic_constants` and `/dynamic_statics`: memory that initialisers of C++ statics allocated, and that
//! is there for good.

use super::page::unread;
use super::{Answer, JSON_UTF8, streamed};
use crate::state::Api;
use actix_web::HttpRequest;
use bytehound_index::{Backtrace, BacktraceId, Cancel, IndexError, Predicate, Profile, Selection};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// What GCC calls the function in which all statics of a file are initialised.
const INITIALIZER: &str = "__static_initialization_and_destruction_0";
/// What it adds to the name where all that is known beforehand was put in: so it does for constants.
const CONSTANT: &str = ".constprop";

/// Where `distcc` compiles: a directory for each compilation.
const DISTCC: &str = "/distccd_";
/// Characters that tell these directories apart.
const DISTCC_RANDOM: usize = 6;
const DISTCC_USUAL: &str = "/dev/shm/distcc/distccd_XXXXXX";

/// Which of the statics.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Constants,
    Others,
}

/// How many allocations, and what can be used of them.
#[derive(Clone, Copy, Default, Serialize, JsonSchema)]
pub(crate) struct Sum {
    pub(super) count: u64,
    pub(super) size: u64,
}

#[derive(Default, Serialize, JsonSchema)]
pub(crate) struct File {
    #[serde(flatten)]
    pub(super) sum: Sum,
    pub(super) per_line: BTreeMap<u32, Sum>,
}

/// What was allocated, by the place of the initialiser.
#[derive(Default, Serialize, JsonSchema)]
pub(crate) struct Places {
    #[serde(flatten)]
    pub(super) sum: Sum,
    pub(super) per_file: BTreeMap<String, File>,
}

/// Memory of statics whose values are known when they are compiled.
pub(crate) async fn dynamic_constants(api: Api, request: HttpRequest) -> Answer {
    answer(api, request, Kind::Constants).await
}

/// Memory of all other statics.
pub(crate) async fn dynamic_statics(api: Api, request: HttpRequest) -> Answer {
    answer(api, request, Kind::Others).await
}

async fn answer(api: Api, request: HttpRequest, kind: Kind) -> Answer {
    streamed(&api, &request, JSON_UTF8, move |profile, writer, cancel| {
        let places = Places::of(profile, kind, cancel)?;
        serde_json::to_writer(writer, &places).map_err(|error| unread(error.into()))
    })
    .await
}

impl Places {
    pub(super) fn of(profile: &Profile, kind: Kind, cancel: &Cancel) -> Result<Self, IndexError> {
        let mut lines = HashMap::new();
        for id in (0..profile.backtrace_count()).map(BacktraceId) {
            if let Some(line) = initializer(&profile.backtrace(id), kind) {
                lines.insert(id, line);
            }
        }
        let backtraces = lines.keys().copied().collect();
        let leaked = Selection::all().filtered(Predicate::Leaked).filtered(Predicate::Backtraces(backtraces));
        let mut places = Self::default();
        for row in profile.rows(&leaked, cancel)?.iter() {
            let allocation = profile.allocation(row);
            if let Some((source, line)) = lines.get(&allocation.backtrace) {
                places.add(source, *line, allocation.usable_size());
            }
        }
        Ok(places)
    }

    pub(super) fn add(&mut self, source: &str, line: u32, size: u64) {
        if !self.per_file.contains_key(source) {
            self.per_file.insert(source.to_owned(), File::default());
        }
        self.sum.add(size);
        if let Some(file) = self.per_file.get_mut(source) {
            file.sum.add(size);
            file.per_line.entry(line).or_default().add(size);
        }
    }
}

impl Sum {
    fn add(&mut self, size: u64) {
        self.count += 1;
        self.size = self.size.wrapping_add(size);
    }
}

/// Where the outermost initialiser of a backtrace is.
fn initializer(backtrace: &Backtrace<'_>, kind: Kind) -> Option<(String, u32)> {
    let wants_constant = kind == Kind::Constants;
    backtrace.frames().find_map(|frame| {
        let name = frame.raw_function?;
        let is_wanted = name.contains(INITIALIZER) && name.contains(CONSTANT) == wants_constant;
        if is_wanted { Some((same_path(frame.source?), frame.line?)) } else { None }
    })
}

/// The path of a file, whichever directory `distcc` compiled it in.
fn same_path(source: &str) -> String {
    let mut path = source.to_owned();
    if let Some(at) = source.find(DISTCC) {
        let random = at + DISTCC.len();
        let rest = source.get(random + DISTCC_RANDOM..).filter(|rest| rest.starts_with('/'));
        if let Some(rest) = rest {
            path = format!("{}/distccd_XXXXXX{rest}", &source[..at]);
        }
    }
    path.strip_prefix(DISTCC_USUAL).map_or(path.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_of_distcc_do_not_tell_files_apart() {
        assert_eq!(same_path("/dev/shm/distcc/distccd_aB3xYz/home/a.cpp"), "/home/a.cpp");
        assert_eq!(same_path("/tmp/distccd_aB3xYz/a.cpp"), "/tmp/distccd_XXXXXX/a.cpp");
        assert_eq!(same_path("/tmp/distccd_ä/a.cpp"), "/tmp/distccd_ä/a.cpp");
        assert_eq!(same_path("/src/a.cpp"), "/src/a.cpp");
    }

    #[test]
    fn sums_are_by_file_and_line() {
        let mut places = Places::default();
        places.add("b.cpp", 3, 10);
        places.add("a.cpp", 7, 5);
        places.add("b.cpp", 3, 1);
        assert_eq!(
            serde_json::to_value(&places).unwrap(),
            serde_json::json!({"count": 3, "size": 16, "per_file": {
                "a.cpp": {"count": 1, "size": 5, "per_line": {"7": {"count": 1, "size": 5}}},
                "b.cpp": {"count": 2, "size": 11, "per_line": {"3": {"count": 2, "size": 11}}},
            }})
        );
    }
}
