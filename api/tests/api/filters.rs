//! Every filter parameter keeps the allocations that the original's filter of the same meaning kept.

use crate::support::{TestServer, golden};
use std::collections::HashMap;

/// Filters of the golden scripts, and the query strings that mean the same.
const SAME: [(&str, &str); 35] = [
    ("only_larger_or_equal(100)", "size_min=100"),
    ("only_smaller_or_equal(100)", "size_max=100"),
    ("only_first_size_larger(50)", "first_size_min=51"),
    ("only_first_size_smaller_or_equal(50)", "first_size_max=50"),
    ("only_last_size_larger_or_equal(500)", "last_size_min=500"),
    ("only_last_size_smaller(500)", "last_size_max=499"),
    ("only_alive_for_at_least(ms(50))", "lifetime_min=50ms"),
    ("only_alive_for_at_most(ms(50))", "lifetime_max=50000us"),
    ("only_chain_alive_for_at_least(ms(100))", "chain_lifetime_min=100ms"),
    ("only_chain_alive_for_at_most(ms(100))", "chain_lifetime_max=50ms50ms"),
    ("only_chain_length_at_least(2)", "chain_length_min=2"),
    ("only_chain_length_at_most(3)", "chain_length_max=3"),
    ("only_position_in_chain_at_least(1)", "position_in_chain_min=1"),
    ("only_position_in_chain_at_most(1)", "position_in_chain_max=1"),
    ("only_chain_leaked()", "lifetime=only_chain_leaked"),
    ("only_allocated_after_at_least(data().runtime() * 0.3)", "from=30%25"),
    ("only_allocated_until_at_most(data().runtime() * 0.3)", "to=30%25"),
    ("only_alive_at([data().runtime() * 0.4])", "alive_at=40%25"),
    ("only_alive_at([data().runtime() * 0.2, data().runtime() * 0.6])", "alive_at=20%25&alive_at_2=60%25"),
    ("only_backtrace_length_at_least(5)", "backtrace_depth_min=5"),
    ("only_backtrace_length_at_most(4)", "backtrace_depth_max=4"),
    ("only_group_allocations_at_least(20)", "group_allocations_min=20"),
    ("only_group_allocations_at_most(20)", "group_allocations_max=20"),
    ("only_group_interval_at_least(ms(100))", "group_interval_min=100ms"),
    ("only_group_interval_at_most(ms(100))", "group_interval_max=100ms"),
    ("only_group_leaked_allocations_at_least(5)", "group_leaked_allocations_min=5"),
    ("only_group_leaked_allocations_at_most(5)", "group_leaked_allocations_max=5"),
    ("only_group_leaked_allocations_at_least(0.5)", "group_leaked_allocations_min=50%25"),
    ("only_jemalloc()", "jemalloc=yes"),
    ("only_not_jemalloc()", "jemalloc=no"),
    ("only_ptmalloc_not_mmaped()", "mmaped=no"),
    ("only_ptmalloc_from_main_arena()", "arena=main"),
    ("only_passing_through_function('main')", "function_regex=main"),
    ("only_not_passing_through_source('\\.c$')", "negative_source_regex=%5C.c%24"),
    ("only_with_marker(7)", "marker=7"),
];

#[test]
fn filters_keep_the_same_allocations() {
    for name in ["realloc", "threads", "cull"] {
        let server = TestServer::start();
        server.upload(&format!("{name}.decoded.dat"));
        let expected = String::from_utf8(golden(&format!("{name}/filters.out"))).unwrap();
        let expected: HashMap<&str, &str> =
            expected.lines().filter_map(|line| line.rsplit_once(' ')).collect();
        for (filter, query) in SAME {
            assert_eq!(kept(&server, query).to_string(), expected[filter], "{name}: {query}");
        }
    }
}

#[test]
fn lifetimes_and_clock_times_divide_all_allocations() {
    let server = TestServer::start();
    server.upload("realloc.decoded.dat");
    let all = kept(&server, "");
    assert_eq!(kept(&server, "lifetime=all"), all);
    assert_eq!(kept(&server, "lifetime=only_leaked") + kept(&server, "lifetime=only_temporary"), all);
    let whole_groups = "lifetime=only_whole_group_leaked";
    assert_eq!(kept(&server, whole_groups), kept(&server, "group_leaked_allocations_min=100%25"));
    assert_eq!(
        kept(&server, &format!("{whole_groups}&group_leaked_allocations_min=999")),
        kept(&server, whole_groups)
    );
    // The capture began 254.468 ms after this second.
    let middle = 1_795_363_712_700_u64;
    assert_eq!(kept(&server, &format!("to={middle}")) + kept(&server, &format!("from={}", middle + 1)), all);
    assert!((1..all).contains(&kept(&server, &format!("to={middle}"))));
    assert_eq!(kept(&server, "from=0"), all);
    assert_eq!(kept(&server, "size_min=1&size_max=0"), 0);
}

#[test]
fn one_backtrace_is_one_group() {
    let server = TestServer::start();
    server.upload("realloc.decoded.dat");
    let one = server.get("/data/last/allocation_groups?backtraces=5").json();
    assert_eq!((&one["total_count"], &one["allocations"][0]["backtrace_id"]), (&1.into(), &5.into()));
    assert_eq!(kept(&server, "backtraces=999999"), 0);
}

#[test]
fn pages_and_orders_are_cut_out_of_the_same_list() {
    let server = TestServer::start();
    server.upload("realloc.decoded.dat");
    let ids = |query: &str| -> Vec<u64> {
        let groups = server.get(&format!("/data/last/allocation_groups?sort_by=all.size{query}")).json();
        groups["allocations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|group| group["backtrace_id"].as_u64().unwrap())
            .collect()
    };
    let mut all = ids("");
    assert_eq!(ids("&skip=3&count=4"), all[3..7]);
    assert_eq!(ids("&skip=18446744073709551615"), [0_u64; 0]);
    all.reverse();
    assert_eq!(ids("&order=dsc"), all);
}

/// How many allocations the groups of an answer have.
fn kept(server: &TestServer, query: &str) -> u64 {
    let answer = server.get(&format!("/data/last/allocation_groups?{query}"));
    assert_eq!(answer.status, 200, "{query}: {}", answer.text());
    let groups = answer.json()["allocations"].as_array().unwrap().clone();
    groups.iter().map(|group| group["only_matched"]["allocated_count"].as_u64().unwrap()).sum()
}
