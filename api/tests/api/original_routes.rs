//! The whole table of the routes that Bytehound 0.11 had: each is there, with its media type, its status codes and the
//! grammar of its values.

use crate::support::TestServer;

const JSON: &str = "application/json";
const JSON_UTF8: &str = "application/json; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
const BYTES: &str = "application/octet-stream";
const SVG: &str = "image/svg+xml";

/// Everything below `/data/{id}/` that a GET answers, with its media type.
const ROUTES: [(&str, &str); 31] = [
    ("timeline", JSON),
    ("timeline_leaked", JSON),
    ("timeline_maps", JSON),
    ("allocations", JSON),
    ("allocation_groups", JSON),
    ("maps", JSON),
    ("backtraces", JSON),
    ("backtrace/0", JSON),
    ("raw_allocations", JSON),
    ("tree", JSON),
    ("regions", JSON),
    ("mallopts", JSON),
    ("export/flamegraph", SVG),
    ("export/flamegraph/any.svg", SVG),
    ("export/flamegraph.pl", BYTES),
    ("export/flamegraph.pl/any.txt", BYTES),
    ("export/heaptrack", BYTES),
    ("export/heaptrack/any.dat", BYTES),
    ("export/replay", BYTES),
    ("export/replay/any.dat", BYTES),
    ("allocation_ascii_tree", TEXT),
    ("dynamic_constants", JSON_UTF8),
    ("dynamic_constants/any.json", JSON_UTF8),
    ("dynamic_statics", JSON_UTF8),
    ("dynamic_statics/any.json", JSON_UTF8),
    ("dynamic_constants_ascii_tree", TEXT),
    ("dynamic_constants_ascii_tree/any.txt", TEXT),
    ("dynamic_statics_ascii_tree", TEXT),
    ("dynamic_statics_ascii_tree/any.txt", TEXT),
    ("allocation_filter_to_script", JSON_UTF8),
    ("map_filter_to_script", JSON_UTF8),
];

fn server() -> TestServer {
    let server = TestServer::start();
    server.upload("mmap.decoded.dat");
    server
}

#[test]
fn every_route_answers_with_its_media_type_by_either_name_of_the_profile() {
    let server = server();
    let data_id = server.profiles()[0]["data_id"].as_str().unwrap().to_owned();
    for (route, media_type) in ROUTES {
        let by_last = server.get(&format!("/data/last/{route}"));
        assert_eq!((by_last.status, by_last.content_type()), (200, media_type), "{route}");
        let by_id = server.get(&format!("/data/{data_id}/{route}"));
        assert_eq!((by_id.status, by_id.content_type()), (200, media_type), "{route}");
        if media_type.starts_with(JSON) {
            assert_eq!(by_id.json(), by_last.json(), "{route}");
        }
        assert_eq!(server.get(&format!("/data/last/{route}?no_such_parameter=1")).status, 200, "{route}");
    }
    let list = server.get("/list");
    assert_eq!((list.status, list.content_type()), (200, JSON));
    assert_eq!(list.json()[0]["id"], data_id.as_str());
}

#[test]
fn a_profile_that_is_not_there_is_404_and_another_method_405_on_every_route() {
    let server = server();
    for (route, _) in ROUTES {
        for id in ["ffffffffffffffffffffffffffffffff", "nonsense", "LAST"] {
            let missing = server.get(&format!("/data/{id}/{route}"));
            let (status, text) = (missing.status, missing.text());
            assert_eq!(
                (status, text.as_str(), missing.content_type()),
                (404, "data not found", TEXT),
                "{route}"
            );
        }
        assert_eq!(server.post(&format!("/data/last/{route}"), b"", &[]).status, 405, "{route}");
        assert_eq!(server.delete(&format!("/data/last/{route}")).status, 405, "{route}");
    }
    assert_eq!(server.post("/list", b"", &[]).status, 405);
    assert_eq!(server.get("/data/last/execute_script").status, 405);
    let unknown = server.get("/data/last/no_such_route");
    assert_eq!((unknown.status, unknown.body.len()), (404, 0));
}

#[test]
fn a_script_is_run_and_its_picture_is_where_it_says() {
    let server = server();
    let script = b"println(\"{}\", 1 + 1); graph().add(allocations()).save(\"a b.svg\");";
    let ran = server.post("/data/last/execute_script", script, &[]);
    assert_eq!((ran.status, ran.content_type()), (200, JSON_UTF8));
    let ran = ran.json();
    assert_eq!((&ran["status"], &ran["output"][0]["value"]), (&"ok".into(), &"2".into()));
    let picture = server.get(ran["output"][1]["url"].as_str().unwrap());
    assert_eq!((picture.status, picture.content_type()), (200, SVG));
    assert_eq!(server.post("/data/nonsense/execute_script", script, &[]).status, 404);
}

/// What values mean the same as each other, and that they mean something.
#[test]
fn values_may_be_written_in_every_way_that_the_grammar_has() {
    let server = server();
    let count = |query: &str| {
        let answer = server.get(&format!("/data/last/allocations?count=0&{query}"));
        assert_eq!(answer.status, 200, "{query}: {}", answer.text());
        answer.json()["total_count"].as_u64().unwrap()
    };
    let all = count("");
    for same in [
        &["lifetime_min=0", "lifetime_min=", "lifetime_min=0h0m0s0ms0us", "from=0", "from=0%25", "alive_at="]
            [..4],
        &["lifetime_min=100ms", "lifetime_min=100000us", "lifetime_min=99Ms+1000+US", "lifetime_min=0s100MS"],
        &["lifetime_max=1", "lifetime_max=1s", "lifetime_max=1000ms", "lifetime_max=0m1"],
        &["group_interval_min=1s", "group_interval_min=1000ms"],
        &["group_leaked_allocations_min=100%25", "lifetime=only_whole_group_leaked"],
        &["to=100%25", "to=250%25", "to=4294967295%25"],
        &["function_regex=", "function_regex=.*", "negative_function_regex=no%20such%20function"],
        &["size_min=0&size_max=18446744073709551615", "address_min=0", "strip_template_args=true"],
    ] {
        let counts: Vec<u64> = same.iter().map(|query| count(query)).collect();
        assert!(counts.iter().all(|found| *found == counts[0]), "{same:?}: {counts:?}");
    }
    assert_eq!(count("lifetime_min=0"), all);
    assert_eq!(count("lifetime=only_leaked") + count("lifetime=only_temporary"), all);
}

#[test]
fn values_outside_of_the_grammar_are_refused_with_the_same_words_everywhere() {
    let server = server();
    for route in
        ["allocations", "allocation_groups", "tree", "regions", "export/flamegraph", "allocation_ascii_tree"]
    {
        for (query, message) in [
            ("size_min=-1", "invalid digit found in string"),
            ("size_min=1k", "invalid digit found in string"),
            ("size_max=18446744073709551616", "number too large to fit in target type"),
            ("marker=4294967296", "number too large to fit in target type"),
            ("lifetime_min=1d", "not a valid interval"),
            ("lifetime_min=1.5s", "not a valid interval"),
            ("chain_lifetime_max=s", "not a valid interval"),
            ("group_interval_min=5%25x", "not a valid interval"),
            ("to=x%25", "not a valid percentage"),
            ("group_leaked_allocations_max=1.5", "not a valid number"),
            ("jemalloc=true", "unknown variant `true`, expected `yes` or `no`"),
            ("arena=other", "unknown variant `other`, expected `main` or `non_main`"),
            ("size_min=1&size_min=2", "duplicate field `size_min`"),
        ] {
            let refused = server.get(&format!("/data/last/{route}?{query}"));
            assert_eq!((refused.status, refused.content_type()), (400, TEXT), "{route}?{query}");
            assert_eq!(refused.text(), message, "{route}?{query}");
        }
    }
    for (query, message) in [
        ("with_regions=1", "provided string was not `true` or `false`"),
        ("with_usage_history=True", "provided string was not `true` or `false`"),
        ("peak_rss_min=x", "invalid digit found in string"),
        ("readable=true", "unknown variant `true`, expected `only_true` or `only_false`"),
        ("order=desc", "unknown variant `desc`, expected `asc` or `dsc`"),
    ] {
        let refused = server.get(&format!("/data/last/maps?{query}"));
        assert_eq!((refused.status, refused.text().as_str()), (400, message), "{query}");
    }
}
