//! Frames that say nothing about the program: how Rust's runtime gets from `main` to the program's `main`,
//! and what a vector does to grow.
//!
//! Newer compilers write out type arguments and number closures. Such names are compared in the older
//! spelling: `std::panic::catch_unwind::<F, i32>` is `std::panic::catch_unwind`.

use std::borrow::Cow;

/// The runtime between the C `main` and the program's, through the versions of the standard library.
const RUNTIME: [&str; 15] = [
    "core::ops::function::FnOnce::call_once",
    "core::ops::function::impls::<impl core::ops::function::FnOnce<A> for &F>::call_once",
    "std::panic::catch_unwind",
    "std::panicking::catch_unwind",
    "std::panicking::catch_unwind::do_call",
    "std::panicking::try",
    "std::panicking::try::do_call",
    "std::panicking::r#try",
    "std::panicking::r#try::do_call",
    "std::rt::lang_start",
    "std::rt::lang_start::{{closure}}",
    "std::rt::lang_start_internal",
    "std::rt::lang_start_internal::{{closure}}",
    "std::sys::backtrace::__rust_begin_short_backtrace",
    "std::sys_common::backtrace::__rust_begin_short_backtrace",
];

/// Whether a frame is the language's runtime at work; a stripped backtrace leaves it out.
pub fn is_runtime_frame(function: &str) -> bool {
    if RUNTIME.contains(&function) {
        return true;
    }
    let plain = plain_spelling(function);
    // A call through a closure, a function pointer or a boxed function, whatever its type is.
    let calls_once = |receiver: &str| receiver.contains(" as core::ops::function::FnOnce<");
    RUNTIME.contains(&&*plain) || receiver_of(&plain, "call_once").is_some_and(calls_once)
}

/// Whether a stripped backtrace, from outermost to innermost frame, ends with this frame: what follows
/// `Vec::resize` is how a vector gets its memory.
pub fn ends_stripped_backtrace(function: &str) -> bool {
    let is_vector = |receiver: &str| receiver.starts_with("alloc::vec::Vec<") && !receiver.contains(" as ");
    function == "alloc::vec::Vec<T,A>::resize"
        || receiver_of(&plain_spelling(function), "resize").is_some_and(is_vector)
}

/// The `T` of a name that is exactly `<T>::method`.
fn receiver_of<'a>(name: &'a str, method: &str) -> Option<&'a str> {
    let rest = name.strip_prefix('<')?;
    let end = closing_bracket(rest)?;
    let found = rest[end..].strip_prefix(">::")?;
    (found == method).then_some(&rest[..end])
}

/// The older spelling of a name: without type arguments and without the numbers of closures.
fn plain_spelling(name: &str) -> Cow<'_, str> {
    if !name.contains("::<") && !name.contains('{') {
        return Cow::Borrowed(name);
    }
    let name = name
        .strip_suffix("::{shim:vtable#0}")
        .or_else(|| name.strip_suffix("{{vtable.shim}}"))
        .unwrap_or(name);
    let mut plain = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((before, after)) = rest.split_once("::<") {
        plain.push_str(before);
        let Some(end) = closing_bracket(after) else {
            return Cow::Borrowed(name);
        };
        rest = &after[end + 1..];
    }
    plain.push_str(rest);
    Cow::Owned(plain.replace("{closure#0}", "{{closure}}"))
}

/// Where the angle bracket is closed that was opened just before `text`.
fn closing_bracket(text: &str) -> Option<usize> {
    let mut open = 1_usize;
    let mut before = 0;
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'<' => open += 1,
            // The arrow of a function type closes nothing.
            b'>' if before != b'-' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return Some(index);
        }
        before = byte;
    }
    None
}
