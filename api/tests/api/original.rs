//! What the routes of Bytehound 0.11 promise beside the answers that were recorded.

use crate::support::TestServer;
use serde_json::Value;

/// Everything below `/data/last/` that takes filters of allocations.
const FILTERED: [&str; 9] = [
    "allocations",
    "allocation_groups",
    "allocation_ascii_tree",
    "tree",
    "regions",
    "export/flamegraph",
    "export/flamegraph.pl",
    "export/heaptrack",
    "export/replay",
];

fn server(capture: &str) -> TestServer {
    let server = TestServer::start();
    server.upload(capture);
    server
}

fn get(server: &TestServer, path: &str) -> Value {
    let answer = server.get(&format!("/data/last/{path}"));
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.json()
}

fn list<'a>(answer: &'a Value, field: &str) -> &'a [Value] {
    answer[field].as_array().unwrap()
}

fn ids(server: &TestServer, path: &str, field: &str) -> Vec<u64> {
    list(&get(server, path), field).iter().map(|item| item["id"].as_u64().unwrap()).collect()
}

#[test]
fn every_order_backwards_is_its_reverse_and_pages_are_cut_from_it() {
    let server = server("realloc.decoded.dat");
    for sort in ["timestamp", "address", "size"] {
        let all = ids(&server, &format!("allocations?sort_by={sort}"), "allocations");
        assert_eq!(all.len(), 1292);
        let part = ids(&server, &format!("allocations?sort_by={sort}&skip=7&count=30"), "allocations");
        assert_eq!(part, all[7..37], "{sort}");
        let mut backwards = ids(&server, &format!("allocations?sort_by={sort}&order=dsc"), "allocations");
        backwards.reverse();
        assert_eq!(backwards, all, "{sort}");
    }
    let by_size = get(&server, "allocations?sort_by=size");
    assert!(list(&by_size, "allocations").is_sorted_by_key(|allocation| allocation["size"].as_u64()));
    assert_eq!(get(&server, "allocations?count=0")["total_count"], 1292);
}

#[test]
fn a_custom_filter_picks_what_the_others_filter() {
    let server = server("realloc.decoded.dat");
    let large = "allocations().only_larger(1000)";
    let by_script = |filter: &str| {
        let script = "allocations()%20-%20allocations().only_larger(1000)";
        ids(&server, &format!("allocations?custom_filter={script}{filter}"), "allocations")
    };
    assert_eq!(by_script(""), {
        let mut small = ids(&server, "allocations?size_max=1000", "allocations");
        small.sort_unstable();
        small
    });
    assert_eq!(
        by_script("&lifetime=only_leaked"),
        ids(&server, "allocations?size_max=1000&lifetime=only_leaked", "allocations")
    );
    let all = get(&server, "allocation_groups")["total_count"].clone();
    assert_eq!(get(&server, "allocation_groups?custom_filter=")["total_count"], all);
    assert_eq!(get(&server, "allocation_groups?custom_filter=40%2B2")["total_count"], all);
    let returned = format!("allocation_groups?custom_filter=return%20{large}%3B");
    let returned = get(&server, &returned)["total_count"].clone();
    assert_eq!(returned, get(&server, "allocation_groups?size_min=1001")["total_count"]);
    let failing = server.get("/data/last/tree?custom_filter=nonsense()");
    assert_eq!(failing.status, 400);
    assert!(failing.text().starts_with("failed to evaluate custom filter: "), "{}", failing.text());
    assert_eq!(
        ids(&server, "maps?custom_filter=maps().only_writable()", "maps"),
        ids(&server, "maps?writable=only_true", "maps")
    );
}

#[test]
fn a_filter_means_the_same_on_every_route() {
    let server = server("realloc.decoded.dat");
    for path in FILTERED {
        let answer = |filter: &str| server.get(&format!("/data/last/{path}?{filter}"));
        let [all, none, leaked] = ["", "size_min=1000000000", "lifetime=only_leaked"].map(answer);
        assert_eq!((all.status, none.status, leaked.status), (200, 200, 200), "{path}");
        assert!(none.body.len() < leaked.body.len() && leaked.body.len() < all.body.len(), "{path}");
        assert_eq!(answer("size_min=x").status, 400, "{path}");
    }
    let tree = get(&server, "tree?lifetime=only_leaked");
    let leaked = get(&server, "allocations?lifetime=only_leaked");
    assert_eq!(tree["count"], leaked["total_count"]);
    let bytes: u64 = list(&leaked, "allocations").iter().map(|leaked| leaked["size"].as_u64().unwrap()).sum();
    assert_eq!(tree["size"], bytes);
}

#[test]
fn groups_and_maps_have_pictures_where_their_addresses_say() {
    let server = server("mmap.decoded.dat");
    let path = "allocation_groups?generate_graphs=true&count=2&lifetime=only_leaked";
    let groups = get(&server, path);
    let maps = get(&server, "maps?generate_graphs=true&sort_by=peak_rss&order=dsc&count=1");
    let matched = list(&groups, "allocations").iter().map(|group| &group["only_matched"]);
    for item in matched.chain(list(&maps, "maps")) {
        let [full, preview] = ["graph_url", "graph_preview_url"].map(|field| {
            let picture = server.get(item[field].as_str().unwrap());
            assert_eq!((picture.status, picture.content_type()), (200, "image/svg+xml"));
            assert!(picture.header("content-security-policy").starts_with("sandbox"));
            picture.text()
        });
        assert!(full.contains("<text") && !preview.contains("<text"));
        assert!(preview.contains("<polygon"));
    }
    let first = &groups["allocations"][0];
    let url = first["only_matched"]["graph_url"].as_str().unwrap();
    assert!(server.get(url).text().contains("Matched") && server.get(url).text().contains("Global"));
    assert!(url.ends_with("?lifetime=only_leaked"), "{url}");
    assert_eq!(first["all"]["graph_url"], Value::Null);
    assert_eq!(get(&server, "maps?count=1")["maps"][0]["graph_url"], Value::Null);
}

#[test]
fn one_map_is_found_by_its_number_whatever_else_is_asked() {
    let server = server("mmap.decoded.dat");
    let maps = get(&server, "maps?with_regions=true&with_usage_history=true");
    let one =
        get(&server, "maps?id=2&with_regions=true&with_usage_history=true&size_min=18446744073709551615");
    assert_eq!((&one["total_count"], &one["maps"][0]), (&1.into(), &maps["maps"][2]));
    assert_eq!(get(&server, "maps?id=99999999999")["maps"], Value::Array(Vec::new()));
    let plain = get(&server, "maps?id=2");
    assert!(plain["maps"][0].get("regions").is_none() && plain["maps"][0].get("usage_history").is_none());
    let peak = maps["maps"][2]["peak_rss"].as_u64().unwrap();
    assert!(ids(&server, &format!("maps?peak_rss_min={peak}&peak_rss_max={peak}"), "maps").contains(&2));
}

#[test]
fn backtraces_are_all_there_is_and_filters_pick_from_them() {
    let server = server("realloc.decoded.dat");
    let all = get(&server, "backtraces");
    assert_eq!(all["total_count"], list(&all, "backtraces").len());
    for (id, frames) in list(&all, "backtraces").iter().enumerate() {
        assert_eq!(&get(&server, &format!("backtrace/{id}"))["frames"], frames);
    }
    let passing = |query: &str| get(&server, &format!("backtraces?{query}"))["total_count"].as_u64().unwrap();
    let count = passing("");
    let (with, without) =
        (passing("function_regex=grow_chain"), passing("negative_function_regex=grow_chain"));
    assert!(with > 0 && without > 0 && with + without == count);
    assert_eq!(passing("backtrace_depth_min=1&size_min=12345678"), count);
    assert_eq!(passing("backtrace_depth_max=0"), 0);
}

#[test]
fn raw_allocations_have_the_addresses_of_every_allocation() {
    let server = server("realloc.decoded.dat");
    let raw = get(&server, "raw_allocations");
    let allocations = get(&server, "allocations");
    let named = list(&allocations, "allocations");
    assert_eq!(raw.as_array().unwrap().len(), named.len());
    for (raw, named) in raw.as_array().unwrap().iter().zip(named) {
        let addresses: Vec<_> = list(named, "backtrace").iter().map(|frame| &frame["address_s"]).collect();
        assert_eq!(list(raw, "backtrace").iter().collect::<Vec<_>>(), addresses);
    }
}

#[test]
fn template_arguments_are_stripped_where_that_is_asked() {
    let server = server("simulation.decoded.dat");
    for path in ["allocations?count=3", "allocation_groups?count=9", "backtraces?", "backtrace/0?", "tree?"] {
        let plain = server.get(&format!("/data/last/{path}")).text();
        let stripped = server.get(&format!("/data/last/{path}&strip_template_args=true")).text();
        assert!(!plain.contains("<...>") && stripped.contains("<...>"), "{path}");
        assert_eq!(server.get(&format!("/data/last/{path}&strip_template_args=1")).status, 400, "{path}");
    }
}

#[test]
fn a_script_made_of_a_filter_finds_the_same() {
    let server = server("realloc.decoded.dat");
    let filters = [
        "size_min=10&from=20%25&function_regex=grow_%5Ba-z%5D%2B&chain_length_min=2",
        "lifetime=only_whole_group_leaked",
        "deallocation_backtraces=1&alive_at=10%25",
        "source_regex=%5C.c%24&arena=main",
        "custom_filter=allocations().only_larger(100)%3B%0Aallocations()&size_max=5000",
    ];
    for filter in filters {
        let script = get(&server, &format!("allocation_filter_to_script?{filter}"));
        let [prologue, code] = ["prologue", "code"].map(|part| script[part].as_str().unwrap());
        let body = format!("{prologue}let list = {code};\nprintln(list.len());");
        let outcome = server.post("/data/last/execute_script", body.as_bytes(), &[]).json();
        assert_eq!(outcome["status"], "ok", "{body}: {outcome}");
        let found = get(&server, &format!("allocations?count=0&{filter}"))["total_count"].to_string();
        assert_eq!(outcome["output"][0]["value"], found, "{body}");
    }
}

#[test]
fn downloads_may_have_any_name() {
    let server = server("realloc.decoded.dat");
    for path in [
        "export/flamegraph",
        "export/flamegraph.pl",
        "export/heaptrack",
        "export/replay",
        "dynamic_constants",
        "dynamic_statics",
        "dynamic_constants_ascii_tree",
        "dynamic_statics_ascii_tree",
    ] {
        let plain = server.get(&format!("/data/last/{path}"));
        let named = server.get(&format!("/data/last/{path}/any%20name.dat"));
        assert_eq!((named.status, named.content_type()), (200, plain.content_type()), "{path}");
        assert_eq!(named.body, plain.body, "{path}");
        assert_eq!(server.post(&format!("/data/last/{path}"), b"", &[]).status, 405, "{path}");
    }
    let picture = server.get("/data/last/export/flamegraph");
    assert_eq!(picture.content_type(), "image/svg+xml");
    assert!(picture.text().contains("grow_chain"));
    assert!(picture.header("content-security-policy").starts_with("sandbox"));
}
