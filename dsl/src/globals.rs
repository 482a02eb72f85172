//! The functions that scripts call on nothing.

use std::path::Path;
use std::sync::Arc;

use bytehound_index::Profile;
use rhai::{Array, Dynamic, Map};

use crate::allocation_list::AllocationList;
use crate::data::Data;
use crate::failure::{Answer, Failure, Stop};
use crate::graph::Graph;
use crate::library::Library;
use crate::map_list::MapList;
use crate::session::Session;
use crate::text;

/// Profiles that labels can select at once: each is opened, and stays so while the script has it.
const MAX_PROFILES: usize = 64;

pub(crate) fn register(library: &mut Library<'_>, session: &Arc<Session>) {
    library.section("");
    register_data(library, session);
    register_profiles(library, session);
    register_printing(library, session);
    register_files(library, session);
    register_numbers(library);
    register_exit(library);
}

fn register_data(library: &mut Library<'_>, session: &Arc<Session>) {
    let s = Arc::clone(session);
    library.define(
        "allocations() -> AllocationList",
        "All allocations of the globally loaded data.",
        "println(allocations().len())",
        move || -> Answer<AllocationList> { Ok(AllocationList::all(&s, s.global("allocations")?)) },
    );
    let s = Arc::clone(session);
    library.define(
        "maps() -> MapList",
        "All memory maps of the globally loaded data.",
        "println(maps().len())",
        move || -> Answer<MapList> { Ok(MapList::all(&s, s.global("maps")?)) },
    );
    let s = Arc::clone(session);
    library.define(
        "data() -> Data",
        "The globally loaded data.",
        "println(data().runtime())",
        move || -> Answer<Data> { Ok(Data::new(&s, s.global("data file")?)) },
    );
    let s = Arc::clone(session);
    library.define(
        "load(path: String) -> Data",
        "Loads a data file. Only for scripts run on the command line.",
        "load(\"capture.dat\").allocations()",
        move |path: &str| -> Answer<Data> {
            // The world is not kept locked: loading can take long.
            let source = s.world().source()?;
            tracing::info!("loading {path:?}");
            let profile = source
                .load(path)
                .map_err(|reason| Failure::File(format!("failed to load '{path}': {reason}")))?;
            Ok(Data::new(&s, profile))
        },
    );
    let s = Arc::clone(session);
    library.define("graph() -> Graph", "An empty graph.", "graph().add(allocations()).save()", move || {
        Graph::new(&s)
    });
}

fn register_profiles(library: &mut Library<'_>, session: &Arc<Session>) {
    let s = Arc::clone(session);
    library.define(
        "profiles([labels: ObjectMap]) -> [Data]",
        "All data that the script was started with, the globally loaded data first; with `labels`, all profiles kept by \
         the service, or in the data directory, that have them, the newest first.",
        "for run in profiles(#{ branch: \"main\" }) { println(run.id()) }",
        move || -> Array { s.profiles.iter().map(|profile| data(&s, Arc::clone(profile))).collect() },
    );
    let s = Arc::clone(session);
    library.overload("profiles", move |labels: Map| -> Answer<Array> { Ok(labelled(&s, &labels)?) });
    let s = Arc::clone(session);
    library.define(
        "profile(id: String) -> Data",
        "A profile kept by the service, or in the data directory: by its id, or by the id in its capture.",
        "println(profile(data().id()).runtime())",
        move |id: &str| -> Answer<Data> { Ok(Data::new(&s, kept(&s, id)?)) },
    );
}

fn data(session: &Arc<Session>, profile: Arc<Profile>) -> Dynamic {
    Dynamic::from(Data::new(session, profile))
}

fn kept(session: &Session, name: &str) -> Result<Arc<Profile>, Failure> {
    session
        .shelf
        .profile(name)
        .map_err(|reason| Failure::File(format!("failed to open profile '{name}': {reason}")))
}

fn labelled(session: &Arc<Session>, labels: &Map) -> Result<Array, Failure> {
    let value = |value: &Dynamic| match value.is_string() || value.is_int() {
        true => Ok(value.to_string()),
        false => Err(Failure::Argument {
            function: "profiles",
            expected: "the value of each label as a String or an Integer",
            got: text::type_name(value),
        }),
    };
    let labels = labels.iter().map(|(name, label)| Ok((name.to_string(), value(label)?)));
    let found = session.shelf.labelled(&labels.collect::<Result<_, Failure>>()?);
    let found = found.map_err(|reason| Failure::File(format!("failed to find profiles: {reason}")))?;
    if found.len() > MAX_PROFILES {
        return Err(Failure::TooManyProfiles { limit: MAX_PROFILES, found: found.len() });
    }
    let mut profiles = Array::with_capacity(found.len());
    for id in found {
        session.cancel().check()?;
        profiles.push(data(session, kept(session, &id)?));
    }
    Ok(profiles)
}

fn register_printing(library: &mut Library<'_>, session: &Arc<Session>) {
    let s = Arc::clone(session);
    library.define(
        "println([format: Any [, arg_1: Any [, arg_2: Any [, arg_3: Any]]]])",
        "Prints a line. `{}` in the format stands for the next argument, `{0}` for the first, `{{` for a brace.", "println(\"{} of {}\", 1, 2)",
        move || -> Answer<()> { Ok(s.world().print(String::new())?) },
    );
    let s = Arc::clone(session);
    library.overload("println", move |value: Dynamic| -> Answer<()> {
        let line = text::display(&value)?;
        Ok(s.world().print(line)?)
    });
    let s = Arc::clone(session);
    library.overload("println", move |format: Dynamic, a: Dynamic| print(&s, &format, &[a]));
    let s = Arc::clone(session);
    library.overload("println", move |format: Dynamic, a: Dynamic, b: Dynamic| print(&s, &format, &[a, b]));
    let s = Arc::clone(session);
    library.overload("println", move |format: Dynamic, a: Dynamic, b: Dynamic, c: Dynamic| {
        print(&s, &format, &[a, b, c])
    });
    let s = Arc::clone(session);
    library.define(
        "info(message: String)",
        "Writes a line to the log of the program that runs the script.",
        "info(\"half way\")",
        move |message: &str| -> Answer<()> { Ok(s.world().log(message)?) },
    );
}

fn print(session: &Session, format: &Dynamic, arguments: &[Dynamic]) -> Answer<()> {
    let format = text::display(format)?;
    let arguments = arguments.iter().map(text::display).collect::<Answer<Vec<_>>>()?;
    let line = text::format(&format, &arguments)?;
    Ok(session.world().print(line)?)
}

fn register_files(library: &mut Library<'_>, session: &Arc<Session>) {
    let s = Arc::clone(session);
    library.define(
        "argv() -> [String]",
        "The arguments given on the command line; empty elsewhere.",
        "println(argv().len())",
        move || -> Array { s.world().arguments().into_iter().map(Dynamic::from).collect() },
    );
    let s = Arc::clone(session);
    library.define(
        "chdir(path: String)",
        "Changes the current directory.",
        "mkdir_p(\"out\"); chdir(\"out\")",
        move |path: &str| -> Answer<()> { Ok(s.world().change_directory(path)?) },
    );
    let s = Arc::clone(session);
    library.define(
        "mkdir_p(path: String)",
        "Creates a directory, and those above it that are missing.",
        "mkdir_p(\"out/leaks\")",
        move |path: &str| -> Answer<()> { Ok(s.world().make_directories(path)?) },
    );
    library.define(
        "dirname(path: String) -> String",
        "The path without its last component; `.` when there is nothing above it.",
        "println(dirname(\"/a/b\"))",
        |path: &str| match Path::new(path).parent() {
            Some(parent) => parent.to_string_lossy().into_owned(),
            None => ".".to_owned(),
        },
    );
}

fn register_numbers(library: &mut Library<'_>) {
    for (name, factor, meaning) in [
        ("kb", 1_000, "`value * 1000`."),
        ("mb", 1_000_000, "`value * 1000 * 1000`."),
        ("gb", 1_000_000_000, "`value * 1000 * 1000 * 1000`."),
    ] {
        let example = format!("println({name}(4))");
        let multiply = move |value: i64| -> Answer<i64> {
            Ok(value.checked_mul(factor).ok_or_else(|| Failure::Argument {
                function: name,
                expected: "a number whose multiple fits into 64 bits",
                got: value.to_string(),
            })?)
        };
        library.operator(name, "(value: Integer) -> Integer", meaning, example, multiply);
    }
}

fn register_exit(library: &mut Library<'_>) {
    library.define(
        "exit([status_code: Integer])",
        "Ends the script at once, with success unless told otherwise.",
        "exit(1)",
        || leave(0),
    );
    library.overload("exit", leave);
}

fn leave(code: i64) -> Answer<()> {
    Err(Stop::Exit(code).into_error())
}
