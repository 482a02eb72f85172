//! A Rhai engine with exactly what scripts may use.

use std::sync::Arc;

use rhai::module_resolvers::DummyModuleResolver;
use rhai::packages::{
    ArithmeticPackage, BasicArrayPackage, BasicFnPackage, BasicIteratorPackage, BasicMapPackage,
    BasicMathPackage, BasicStringPackage, LogicPackage, MoreStringPackage, Package,
};
use rhai::{Dynamic, Engine, Token};

use crate::failure::Stop;
use crate::library::{Entry, Library};
use crate::limits::Limits;
use crate::session::Session;
use crate::{
    allocation, allocation_list, backtrace, comparison, data, filters, globals, graph, group_list, map,
    map_filters, map_list, span,
};

/// How deeply expressions may nest: long method chains are deep, and the parser is recursive.
const EXPRESSION_DEPTH: usize = 256;
/// Variables alive at once.
const VARIABLES: usize = 1_000;
/// Operations between two looks at the clock.
const PROGRESS_STEP: u64 = 1 << 6;
/// Words that Rhai keeps for itself without using them: one names a side of a comparison, one who made an allocation.
const FREED_WORDS: [&str; 2] = ["new", "thread"];

/// The engine for one script, and the reference of its functions.
pub(crate) fn engine(session: &Arc<Session>, limits: &Limits) -> (Engine, Vec<Entry>) {
    let mut engine = Engine::new_raw();
    register_packages(&mut engine);
    restrict(&mut engine, limits);
    watch(&mut engine, session);
    print(&mut engine, session);
    free_words(&mut engine);
    let mut library = Library::new(&mut engine);
    globals::register(&mut library, session);
    comparison::register_compare(&mut library, session);
    span::register(&mut library);
    data::register(&mut library);
    allocation::register(&mut library);
    allocation_list::register(&mut library);
    filters::register(&mut library);
    group_list::register(&mut library);
    map::register(&mut library);
    map_list::register(&mut library);
    map_filters::register(&mut library);
    backtrace::register(&mut library);
    graph::register(&mut library);
    comparison::register(&mut library);
    let entries = library.into_entries();
    (engine, entries)
}

/// No time, no sleeping, no function reflection: nothing that reaches outside the script.
fn register_packages(engine: &mut Engine) {
    ArithmeticPackage::new().register_into_engine(engine);
    BasicArrayPackage::new().register_into_engine(engine);
    BasicFnPackage::new().register_into_engine(engine);
    BasicIteratorPackage::new().register_into_engine(engine);
    BasicMapPackage::new().register_into_engine(engine);
    BasicMathPackage::new().register_into_engine(engine);
    BasicStringPackage::new().register_into_engine(engine);
    LogicPackage::new().register_into_engine(engine);
    MoreStringPackage::new().register_into_engine(engine);
}

fn restrict(engine: &mut Engine, limits: &Limits) {
    engine
        .set_module_resolver(DummyModuleResolver::new())
        .disable_symbol("eval")
        .set_max_operations(limits.operations)
        .set_max_call_levels(limits.call_levels)
        .set_max_expr_depths(EXPRESSION_DEPTH, EXPRESSION_DEPTH)
        .set_max_variables(VARIABLES)
        .set_max_string_size(limits.string_bytes)
        .set_max_array_size(limits.array_elements)
        .set_max_map_size(limits.map_entries);
}

/// Rhai's own `print` and `debug` can't fail: what goes wrong ends the script soon after.
fn print(engine: &mut Engine, session: &Arc<Session>) {
    let print = |session: &Session, text: &str| {
        if let Err(failure) = session.world().print(text.to_owned()) {
            session.end(failure.to_string());
        }
    };
    let printing = Arc::clone(session);
    engine.on_print(move |text| print(&printing, text));
    let debugging = Arc::clone(session);
    engine.on_debug(move |text, _, _| print(&debugging, text));
}

#[expect(deprecated, reason = "not deprecated, says its documentation, but it may change: a test would tell")]
fn free_words(engine: &mut Engine) {
    engine.on_parse_token(|token, _, _| match token {
        Token::Reserved(word) if FREED_WORDS.contains(&word.as_str()) => Token::Identifier(word),
        token => token,
    });
}

fn watch(engine: &mut Engine, session: &Arc<Session>) {
    let watched = Arc::clone(session);
    engine.on_progress(move |operations| {
        if !operations.is_multiple_of(PROGRESS_STEP) {
            return None;
        }
        watched.stop().map(Dynamic::from::<Stop>)
    });
}
