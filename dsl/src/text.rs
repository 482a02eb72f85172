//! How values print, and the format strings of `println`.

use rhai::{Array, Dynamic, Map};

use crate::allocation::Allocation;
use crate::allocation_list::AllocationList;
use crate::backtrace::{Backtrace, OptionalBacktrace};
use crate::comparison::{ComparisonList, ComparisonRow};
use crate::failure::{Answer, Failure};
use crate::map::Map as MemoryMap;
use crate::map_list::MapList;
use crate::span::{OptionalSpan, Span};

/// `value` as `println` shows it.
pub(crate) fn display(value: &Dynamic) -> Answer<String> {
    if let Some(span) = value.read_lock::<Span>() {
        return Ok(span.to_string());
    }
    if let Some(span) = value.read_lock::<OptionalSpan>() {
        return Ok(span.to_string());
    }
    if let Some(list) = value.read_lock::<AllocationList>() {
        return Ok(format!("{} allocation(s)", list.len()?));
    }
    if let Some(allocation) = value.read_lock::<Allocation>() {
        return Ok(allocation.to_string());
    }
    if let Some(backtrace) = value.read_lock::<Backtrace>() {
        return Ok(backtrace.to_string());
    }
    if let Some(backtrace) = value.read_lock::<OptionalBacktrace>() {
        return Ok(backtrace.to_string());
    }
    if let Some(list) = value.read_lock::<MapList>() {
        return Ok(format!("{} map(s)", list.maps().len()));
    }
    if let Some(map) = value.read_lock::<MemoryMap>() {
        return Ok(map.to_string());
    }
    if let Some(list) = value.read_lock::<ComparisonList>() {
        return Ok(list.to_string());
    }
    if let Some(row) = value.read_lock::<ComparisonRow>() {
        return Ok(row.to_string());
    }
    if let Some(array) = value.read_lock::<Array>() {
        let elements = array.iter().map(display).collect::<Answer<Vec<_>>>()?;
        return Ok(format!("[{}]", elements.join(", ")));
    }
    if let Some(map) = value.read_lock::<Map>() {
        let entries = map.iter().map(|(key, value)| Ok(format!("{key}: {}", display(value)?)));
        return Ok(format!("#{{{}}}", entries.collect::<Answer<Vec<_>>>()?.join(", ")));
    }
    if let Ok(number) = value.as_float() {
        return Ok(number.to_string());
    }
    Ok(plain(value))
}

fn plain(value: &Dynamic) -> String {
    if value.is_unit() {
        "()".to_owned()
    } else if value.is_string() || value.is_int() || value.is_bool() || value.is_char() {
        value.to_string()
    } else {
        type_name(value)
    }
}

/// The type of `value` as scripts name it.
pub(crate) fn type_name(value: &Dynamic) -> String {
    let name = value.type_name();
    script_name(name.rsplit("::").next().unwrap_or(name)).to_owned()
}

/// What the reference calls the type that Rhai, or this crate, calls `name`.
pub(crate) fn script_name(name: &str) -> &str {
    match name {
        "Span" => "Duration",
        "OptionalSpan" => "Option<Duration>",
        "OptionalBacktrace" => "Option<Backtrace>",
        "i64" => "Integer",
        "f64" => "Float",
        "bool" => "Boolean",
        "string" | "&str | ImmutableString | String" => "String",
        "array" => "Array",
        "map" => "ObjectMap",
        name => name,
    }
}

/// Replaces the `{}` and `{N}` of `format` with `arguments`; `{{` is a brace.
pub(crate) fn format(format: &str, arguments: &[String]) -> Result<String, Failure> {
    let mut text = String::with_capacity(format.len());
    let mut next = 0;
    let mut rest = format;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        if let Some(after) = after.strip_prefix('{') {
            text.push('{');
            rest = after;
            continue;
        }
        let (reference, after) = after.split_once('}').ok_or(Failure::FormatUnterminated)?;
        text.push_str(argument(reference, &mut next, arguments)?);
        rest = after;
    }
    text.push_str(rest);
    Ok(text)
}

fn argument<'a>(reference: &str, next: &mut usize, arguments: &'a [String]) -> Result<&'a str, Failure> {
    if reference.is_empty() {
        let argument = arguments.get(*next).ok_or(Failure::FormatArguments)?;
        *next += 1;
        return Ok(argument);
    }
    let index = reference.parse::<usize>().map_err(|_| Failure::FormatPosition(reference.to_owned()))?;
    Ok(arguments.get(index).ok_or(Failure::FormatReference(index))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, arguments: &[&str], expected: Result<&str, &str>) {
        let arguments: Vec<String> = arguments.iter().map(|&a| a.to_owned()).collect();
        let formatted = format(text, &arguments).map_err(|failure| failure.to_string());
        assert_eq!(formatted.as_deref().map_err(String::as_str), expected, "{text}");
    }

    #[test]
    fn braces_take_arguments_in_order_or_by_position() {
        check("{} and {}", &["1", "x"], Ok("1 and x"));
        check("{1}{}{0}{}", &["a", "b"], Ok("baab"));
        check("{{}} {", &[], Err("malformed format string"));
        check("{{}} }", &[], Ok("{}} }"));
        check("no braces", &["unused"], Ok("no braces"));
        check("{", &["1"], Err("malformed format string"));
        check("{} {}", &["1"], Err("too many positional arguments in the format string"));
        check("{7}", &["1"], Err("invalid reference to positional argument 7"));
        check("{x}", &["1"], Err("malformed positional argument \"x\""));
    }

    #[test]
    fn plain_values_print_without_decoration() {
        let check = |value: Dynamic, expected: &str| assert_eq!(display(&value).unwrap(), expected);
        check("text".into(), "text");
        check(7_i64.into(), "7");
        check(1.0.into(), "1");
        check(2.5.into(), "2.5");
        check(true.into(), "true");
        check('c'.into(), "c");
        check(Dynamic::UNIT, "()");
        check(Dynamic::from_array(vec![1_i64.into(), "a".into()]), "[1, a]");
    }
}
