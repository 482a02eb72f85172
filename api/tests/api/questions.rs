//! Questions to one profile under `/v1`: filters, pages, and answers that add up.

use crate::support::{TestServer, encoded};
use serde_json::{Value, json};

/// Conditions, and the parameters of the original that mean the same.
const SAME: [(&str, &str); 10] = [
    (r#"[]"#, ""),
    (r#"["leaked"]"#, "lifetime=only_leaked"),
    (r#"[{"size": {"at_least": 100}}, {"size": {"less_than": 2000}}]"#, "size_min=100&size_max=1999"),
    (
        r#"[{"passing_through_function": "grow_chain"}, "temporary"]"#,
        "function_regex=grow_chain&lifetime=only_temporary",
    ),
    (r#"[{"chain_length": {"more_than": 1}}]"#, "chain_length_min=2"),
    (r#"[{"lifetime": {"at_least": 50000}}]"#, "lifetime_min=50ms"),
    (r#"[{"backtraces": [5]}]"#, "backtraces=5"),
    (r#"[{"group_leaked_share_at_least": 0.5}]"#, "group_leaked_allocations_min=50%25"),
    (r#"[{"marker": 7}]"#, "marker=7"),
    (r#"[{"allocated": {"at_most": 0}}]"#, "to=0"),
];

fn server(capture: &str) -> TestServer {
    let server = TestServer::start();
    server.upload(capture);
    server
}

fn ask(server: &TestServer, question: &str, body: &Value) -> Value {
    let answer = server.post_json(&format!("/v1/profiles/last/{question}"), body);
    assert_eq!(answer.status, 200, "{question} {body}: {}", answer.text());
    answer.json()
}

fn list<'a>(answer: &'a Value, field: &str) -> &'a [Value] {
    answer["data"][field].as_array().unwrap()
}

fn sum(items: &[Value], field: &str) -> u64 {
    items.iter().map(|item| item[field].as_u64().unwrap()).sum()
}

#[test]
fn a_filter_means_the_same_in_a_body_in_a_query_string_and_to_the_original() {
    let server = server("realloc.decoded.dat");
    for (filter, original) in SAME {
        let conditions: Value = serde_json::from_str(filter).unwrap();
        let by_body = ask(&server, "allocations", &json!({"filter": conditions, "limit": 1000}));
        let path = format!("/v1/profiles/last/allocations?filter={}&limit=1000", encoded(filter));
        let by_query = server.get(&path).json();
        assert_eq!(by_body["data"], by_query["data"], "{filter}");
        let theirs = server.get(&format!("/data/last/allocations?count=0&{original}")).json();
        assert_eq!(by_body["data"]["total"], theirs["total_count"], "{filter}");
        let groups = ask(&server, "groups", &json!({"filter": conditions, "limit": 1000}));
        assert_eq!(sum(list(&groups, "groups"), "allocated_count"), theirs["total_count"].as_u64().unwrap());
        let timeline = ask(&server, "timeline", &json!({"filter": conditions}));
        let born: u64 = list(&timeline, "allocations").iter().map(|count| count.as_u64().unwrap()).sum();
        assert_eq!(born, theirs["total_count"].as_u64().unwrap(), "{filter}");
        let tree = ask(&server, "tree", &json!({"filter": conditions}));
        assert_eq!(list(&tree, "nodes")[0]["allocated_count"], theirs["total_count"], "{filter}");
    }
}

#[test]
fn every_condition_can_be_asked() {
    let server = server("mmap.decoded.dat");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/api.md");
    let documented = std::fs::read_to_string(path).unwrap();
    let bound = json!({"at_most": 5});
    let values = [
        Value::Null,
        bound,
        json!(1),
        json!([1]),
        json!("main"),
        json!(0.5),
        json!(true),
        json!({"function": "main", "source": "c$"}),
    ];
    for (question, begin, end, count) in [
        ("allocations", "| condition | value |", "A bound is one of", 40),
        ("maps", "Conditions on maps are", "### Timeline", 20),
    ] {
        let part = documented.split_once(begin).unwrap().1.split_once(end).unwrap().0;
        // Every second part of a text that is cut at backquotes stands between two of them.
        let words = part.split('`').skip(1).step_by(2);
        let words: Vec<_> =
            words.filter(|word| !matches!(*word, "true" | "false") && !word.contains('"')).collect();
        for word in &words {
            let condition = |value: &Value| if value.is_null() { json!(word) } else { json!({*word: value}) };
            let works = |value: &&Value| {
                let body = json!({"filter": [condition(value)], "limit": 0});
                server.post_json(&format!("/v1/profiles/last/{question}"), &body).status == 200
            };
            assert!((1..=2).contains(&values.iter().filter(works).count()), "{question}: {word}");
        }
        assert_eq!(words.len(), count, "{question}: {words:?}");
    }
}

#[test]
fn a_filter_that_leaves_all_gives_the_sums_that_are_kept() {
    for capture in ["realloc.decoded.dat", "threads.decoded.dat", "simulation.decoded.dat"] {
        let server = server(capture);
        let everything = json!({"filter": [{"size": {"at_least": 0}}], "limit": 1000});
        let [mut kept, counted] =
            [json!({"limit": 1000}), everything].map(|body| ask(&server, "groups", &body));
        // What was alive at the peak is only kept of all that a backtrace allocated.
        for group in kept["data"]["groups"].as_array_mut().unwrap() {
            assert!(group.as_object_mut().unwrap().remove("peak_bytes").is_some());
        }
        assert_eq!(kept["data"], counted["data"], "{capture}");
        assert_eq!((&kept["meta"]["source"], &kept["meta"]["exact"]), (&json!("summaries"), &json!(true)));
        assert_eq!(counted["meta"]["source"], "allocations");
    }
}

#[test]
fn an_answer_is_the_same_whenever_it_is_given_and_its_header_says_how_long_it_took() {
    let server = server("simulation.decoded.dat");
    let [one, two] = [(); 2].map(|()| server.post_json("/v1/profiles/last/groups", &json!({"limit": 10})));
    assert_eq!(one.body, two.body);
    let took = one.headers["server-timing"].to_str().unwrap().strip_prefix("answer;dur=").unwrap();
    assert!(took.parse::<f64>().unwrap() > 0.0);
}

#[test]
fn groups_of_a_moment_can_be_filtered() {
    let server = server("simulation.decoded.dat");
    let at_us = 5_000_000;
    let all = ask(&server, "groups", &json!({"at_us": at_us, "limit": 1000}));
    assert_eq!(all["meta"]["source"], "cells");
    let part = |bound: &str| {
        let filter = json!([{"size": {bound: 100}}]);
        ask(&server, "groups", &json!({"at_us": at_us, "limit": 1000, "filter": filter}))
    };
    let (small, large) = (part("less_than"), part("at_least"));
    for field in ["alive_bytes", "alive_count"] {
        let [all, small, large] = [&all, &small, &large].map(|answer| sum(list(answer, "groups"), field));
        assert!(small > 0 && large > 0);
        assert_eq!(small + large, all, "{field}");
    }
}

#[test]
fn allocations_come_page_by_page_in_any_order() {
    let server = server("realloc.decoded.dat");
    for (sort, key) in
        [("size_bytes", "size_bytes"), ("allocated_us", "allocated_us"), ("address", "address")]
    {
        for order in ["asc", "desc"] {
            let mut seen = Vec::new();
            let mut cursor = Value::Null;
            loop {
                let body = json!({"sort": sort, "order": order, "limit": 500, "cursor": cursor});
                let page = ask(&server, "allocations", &body);
                seen.extend_from_slice(list(&page, "allocations"));
                cursor = page["data"]["next"].clone();
                if cursor.is_null() {
                    assert_eq!(page["data"]["total"], seen.len());
                    break;
                }
            }
            let values: Vec<_> = seen.iter().map(|item| item[key].as_u64().unwrap()).collect();
            assert!(if order == "asc" { values.is_sorted() } else { values.is_sorted_by(|a, b| a >= b) });
            let mut ids: Vec<_> = seen.iter().map(|item| item["allocation_id"].as_u64().unwrap()).collect();
            ids.sort_unstable();
            ids.dedup();
            assert_eq!(ids.len(), 1292, "{sort} {order}");
        }
    }
    let longest = ask(&server, "allocations", &json!({"sort": "lifetime_us", "limit": 1}));
    assert_eq!(list(&longest, "allocations")[0]["freed_us"], Value::Null);
    let grown =
        ask(&server, "allocations", &json!({"filter": [{"chain_position": {"at_least": 1}}], "limit": 1}));
    let grown = &list(&grown, "allocations")[0];
    assert!(grown["chain"]["position"].as_u64() >= Some(1));
    assert!(grown["chain"]["first_us"].as_u64() <= grown["allocated_us"].as_u64());
}

#[test]
fn maps_are_listed_and_shown_whole() {
    let server = server("mmap.decoded.dat");
    let maps = ask(&server, "maps", &json!({"limit": 1000, "sort": "mapped_us", "order": "asc"}));
    let theirs = server.get("/data/last/maps?with_regions=true&with_usage_history=true").json();
    assert_eq!(maps["data"]["total"], theirs["total_count"]);
    for map in list(&maps, "maps") {
        let id = map["map_id"].as_u64().unwrap();
        let one = server.get(&format!("/v1/profiles/last/maps/{id}")).json()["data"].clone();
        let theirs = &theirs["maps"][id as usize];
        assert_eq!(one["size_bytes"], theirs["size"]);
        assert_eq!(one["regions"].as_array().unwrap().len(), theirs["regions"].as_array().unwrap().len());
        assert_eq!(one["usage"].as_array().unwrap().len(), theirs["usage_history"].as_array().unwrap().len());
        for (field, value) in map.as_object().unwrap() {
            assert_eq!(&one[field], value);
        }
    }
    let writable = ask(&server, "maps", &json!({"filter": [{"writable": true}, "leaked"], "limit": 1000}));
    assert!(!list(&writable, "maps").is_empty());
    for map in list(&writable, "maps") {
        assert_eq!((&map["access"].as_str().unwrap()[1..2], &map["unmapped_us"]), ("w", &Value::Null));
    }
}

#[test]
fn backtraces_are_listed_and_shown_with_their_sums() {
    let server = server("realloc.decoded.dat");
    let all = ask(&server, "backtraces", &json!({"limit": 1000}));
    assert_eq!(all["data"]["total"], list(&all, "backtraces").len());
    let groups = ask(&server, "groups", &json!({"limit": 1000}));
    for group in list(&groups, "groups") {
        let id = group["backtrace_id"].as_u64().unwrap();
        let one = server.get(&format!("/v1/profiles/last/backtraces/{id}")).json();
        assert_eq!(&one["data"], group);
        assert_eq!(list(&all, "backtraces")[id as usize]["frames"], group["frames"]);
    }
    let filter = json!([{"not_passing_through_function": "grow_chain"}]);
    let others = ask(&server, "backtraces", &json!({"filter": filter, "limit": 3}));
    assert!(others["data"]["total"].as_u64() < all["data"]["total"].as_u64());
    assert_eq!(others["data"]["next"], "after-3");
}

#[test]
fn a_tree_has_what_its_children_have_and_a_part_of_it_is_whole() {
    let server = server("simulation.decoded.dat");
    let info = server.get("/v1/profiles/last").json()["info"].clone();
    for metric in ["allocated_bytes", "allocated_count", "leaked_bytes", "leaked_count"] {
        let tree = ask(&server, "tree", &json!({"sort": metric}));
        let nodes = list(&tree, "nodes");
        assert_eq!(tree["data"]["total"], nodes.len());
        let known = if metric == "allocated_count" { "allocations" } else { metric };
        assert_eq!(nodes[0][metric], info[known], "{metric}");
        assert!(nodes.is_sorted_by_key(|node| std::cmp::Reverse(node[metric].as_u64())));
        let mut below = vec![0; nodes.len()];
        for (index, node) in nodes.iter().enumerate().skip(1) {
            let parent = node["parent"].as_u64().unwrap() as usize;
            assert!(parent < index);
            below[parent] += node[metric].as_u64().unwrap();
        }
        assert!(nodes.iter().zip(below).all(|(node, below)| below <= node[metric].as_u64().unwrap()));
        let part = ask(&server, "tree", &json!({"sort": metric, "limit": 20}));
        assert_eq!(list(&part, "nodes"), &nodes[..20], "{metric}");
        assert_eq!(part["data"]["total"], nodes.len());
    }
    let tree = ask(&server, "tree", &json!({}));
    assert!(list(&tree, "nodes")[0].get("address").is_none());
    assert!(list(&tree, "nodes")[1]["address"].is_u64());
}

#[test]
fn flames_are_pictures_or_text() {
    let server = server("realloc.decoded.dat");
    let picture = server.get("/v1/profiles/last/flame");
    assert_eq!(picture.content_type(), "image/svg+xml");
    assert!(picture.header("content-security-policy").starts_with("sandbox"));
    assert!(picture.text().contains("grow_chain"));
    let body = json!({"format": "folded", "filter": ["leaked"]});
    let folded = server.post_json("/v1/profiles/last/flame", &body);
    assert_eq!(folded.content_type(), "text/plain; charset=utf-8");
    let theirs = server.get("/data/last/export/flamegraph.pl?lifetime=only_leaked");
    assert_eq!(folded.body, theirs.body);
}

#[test]
fn a_summary_has_the_groups_with_most_of_everything() {
    let server = server("simulation.decoded.dat");
    let summary = server.get("/v1/profiles/last/summary?limit=3").json()["data"].clone();
    assert_eq!(summary["info"], server.get("/v1/profiles/last").json()["info"]);
    for metric in ["leaked_bytes", "leaked_count", "allocated_bytes", "allocated_count", "peak_bytes"] {
        let groups = server.get(&format!("/v1/profiles/last/groups?sort={metric}&limit=3")).json();
        assert_eq!(summary["top"][metric], groups["data"]["groups"], "{metric}");
    }
    assert!(summary["maps"]["total"].as_u64() >= summary["maps"]["mapped_at_end"].as_u64());
}

#[test]
fn a_filter_is_explained() {
    let server = server("simulation.decoded.dat");
    let filter = json!(["leaked", {"size": {"at_least": 64}}]);
    let found = ask(&server, "allocations", &json!({"filter": filter, "limit": 1}))["data"]["total"].clone();
    let explained = ask(&server, "explain", &json!({"filter": filter}));
    let steps = list(&explained, "steps");
    assert!(steps[0]["plan"].as_str().unwrap().starts_with("filter [leaked, size"), "{explained}");
    assert_eq!(steps[0]["rows"], found);
    assert_eq!(steps[0]["is_kept"], true, "it was just asked");
    assert!(steps[0]["blocks"]["tested"].as_u64().unwrap() > 0, "{explained}");
    assert_eq!(steps[1]["depth"], 1);
    assert!(steps[1]["blocks"].is_null(), "{explained}");
}

#[test]
fn histograms_count_every_allocation_once() {
    let server = server("simulation.decoded.dat");
    let everything = ask(&server, "histograms", &json!({}));
    let info = server.get("/v1/profiles/last").json()["info"].clone();
    let (sizes, lifetimes) = (list(&everything, "sizes"), list(&everything, "lifetimes"));
    assert_eq!(sum(sizes, "count"), info["allocations"].as_u64().unwrap());
    assert_eq!(sum(sizes, "bytes"), info["allocated_bytes"].as_u64().unwrap());
    assert_eq!(everything["data"]["never_freed"]["count"], info["leaked_count"]);
    assert_eq!(everything["data"]["never_freed"]["bytes"], info["leaked_bytes"]);
    assert_eq!(sum(lifetimes, "count"), sum(sizes, "count") - info["leaked_count"].as_u64().unwrap());
    assert_eq!(everything["meta"], json!({"exact": true, "source": "allocations"}));
    for (field, condition) in [("sizes", "size"), ("lifetimes", "lifetime")] {
        for bin in list(&everything, field) {
            let [at_least, at_most] =
                ["at_least", "at_most"].map(|side| json!({condition: {side: bin[side]}}));
            let filter = json!({"filter": [at_least, at_most, "temporary"], "limit": 0});
            let temporary = ask(&server, "allocations", &filter)["data"]["total"].as_u64().unwrap();
            let filter = json!({"filter": [at_least, at_most, "leaked"], "limit": 0});
            let leaked = match field {
                "sizes" => ask(&server, "allocations", &filter)["data"]["total"].as_u64().unwrap(),
                _ => 0,
            };
            assert_eq!(bin["count"], temporary + leaked, "{field} {bin}");
        }
    }
}
