//! What `/v1`, scripts and the web UI get.

use crate::support::TestServer;
use serde_json::{Value, json};

#[test]
fn a_profile_tells_what_the_web_ui_shows() {
    let server = TestServer::start();
    let id = server.upload("simulation.decoded.dat");
    let profile = server.get(&format!("/v1/profiles/{id}")).json();
    assert_eq!(profile["state"], "ready");
    assert_eq!(profile["problem"], Value::Null);
    assert_eq!(profile["progress"], Value::Null);
    assert_eq!(profile["data_id"], "16163ec165dc94903eb2aa50b0d41f92");
    assert_eq!(profile["info"]["executable"], "simulation");
    assert_eq!(profile["info"]["leaked_bytes"], 637_225);
    assert_eq!(profile["info"]["runtime_us"], 10_023_377);
    assert_eq!(server.get("/v1/profiles/last").json(), profile);
    assert_eq!(server.get("/v1/profiles/16163ec165dc94903eb2aa50b0d41f92").json(), profile);
}

#[test]
fn events_end_with_the_whole_profile() {
    let server = TestServer::start();
    let id = server.upload("threads.decoded.dat");
    let events = server.events(&id);
    assert_eq!(events.len(), 1, "a profile that is ready has nothing more to tell");
    assert_eq!(events[0].1, server.get(&format!("/v1/profiles/{id}")).json());
}

#[test]
fn a_timeline_has_its_peak_and_all_of_its_allocations() {
    let server = TestServer::start();
    let id = server.upload("simulation.decoded.dat");
    let info = server.get(&format!("/v1/profiles/{id}")).json()["info"].clone();
    let runtime = info["runtime_us"].as_u64().unwrap();
    for query in
        ["", "?points=10", "?points=100000", "?from_us=0", &format!("?from_us=0&to_us={runtime}&points=77")]
    {
        let data = server.get(&format!("/v1/profiles/{id}/timeline{query}")).json()["data"].clone();
        let column = |name: &str| -> Vec<u64> {
            data[name].as_array().unwrap().iter().map(|value| value.as_u64().unwrap()).collect()
        };
        let t_us = column("t_us");
        assert!(t_us.is_sorted_by(|a, b| a < b), "{query}");
        assert!(t_us.iter().all(|t| *t <= runtime), "{query}");
        assert_eq!(column("live_bytes").into_iter().max(), info["peak_bytes"].as_u64(), "{query}");
        assert_eq!(
            column("allocations").iter().sum::<u64>(),
            info["allocations"].as_u64().unwrap(),
            "{query}"
        );
        for name in ["live_bytes", "live_count", "allocations", "deallocations"] {
            assert_eq!(column(name).len(), t_us.len(), "{query} {name}");
        }
        if query.contains("points=10") && !query.contains("100000") {
            assert!(t_us.len() <= 11, "{}", t_us.len());
        }
    }
    let part =
        server.get(&format!("/v1/profiles/{id}/timeline?from_us=2000000&to_us=3000000&points=50")).json();
    let t_us = part["data"]["t_us"].as_array().unwrap();
    assert!((50..=52).contains(&t_us.len()), "{}", t_us.len());
    assert_eq!(t_us[0], 2_000_000);
}

#[test]
fn groups_come_page_by_page_in_order_and_add_up() {
    let server = TestServer::start();
    let id = server.upload("simulation.decoded.dat");
    let info = server.get(&format!("/v1/profiles/{id}")).json()["info"].clone();
    let mut groups = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = server.get(&format!("/v1/profiles/{id}/groups?limit=7{cursor}")).json()["data"].clone();
        groups.extend(page["groups"].as_array().unwrap().clone());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => {
                assert_eq!(page["total"], groups.len());
                break;
            }
        }
    }
    for metric in ["leaked_bytes", "leaked_count", "allocated_bytes", "peak_bytes"] {
        let sum: u64 = groups.iter().map(|group| group[metric].as_u64().unwrap()).sum();
        assert_eq!(Some(sum), info[metric].as_u64(), "{metric}");
    }
    assert!(groups.is_sorted_by_key(|group| std::cmp::Reverse(group["leaked_bytes"].as_u64())));
    let frames = groups[0]["frames"].as_array().unwrap();
    let stripped = groups[0]["stripped"].as_array().unwrap();
    assert!(!stripped.is_empty() && stripped.len() < frames.len());
    assert!(stripped.iter().all(|index| index.as_u64().unwrap() < frames.len() as u64));

    let ascending = server.get(&format!("/v1/profiles/{id}/groups?sort=allocated_count&order=asc")).json();
    let ascending = ascending["data"]["groups"].as_array().unwrap().clone();
    assert!(ascending.is_sorted_by_key(|group| group["allocated_count"].as_u64()));
    let beyond = server.get(&format!("/v1/profiles/{id}/groups?cursor=after-999999")).json();
    assert_eq!((&beyond["data"]["groups"], &beyond["data"]["next"]), (&json!([]), &Value::Null));
}

#[test]
fn groups_of_a_moment_add_up_to_what_was_live_then() {
    let server = TestServer::start();
    let id = server.upload("simulation.decoded.dat");
    let info = server.get(&format!("/v1/profiles/{id}")).json()["info"].clone();
    let runtime = info["runtime_us"].as_u64().unwrap();
    let get = |rest: &str| server.get(&format!("/v1/profiles/{id}/{rest}")).json()["data"].clone();
    let sum = |page: &Value, field: &str| -> u64 {
        page["groups"].as_array().unwrap().iter().map(|group| group[field].as_u64().unwrap()).sum()
    };
    for at in [0, 1_234_567, runtime / 2, runtime / 3 * 2] {
        let alive = get(&format!("groups?limit=1000&at_us={at}"));
        let groups = alive["groups"].as_array().unwrap();
        assert_eq!(alive["total"], groups.len(), "{at}");
        assert!(groups.iter().all(|group| group["alive_count"].as_u64() > Some(0)), "{at}");
        assert!(groups.is_sorted_by_key(|group| std::cmp::Reverse(group["alive_bytes"].as_u64())), "{at}");
        // Nothing happened in the µs after, so that it shows what was live before it.
        let after = get(&format!("timeline?from_us={next}&to_us={next}&points=1", next = at + 1));
        assert_eq!((&after["allocations"][0], &after["deallocations"][0]), (&json!(0), &json!(0)), "{at}");
        assert_eq!(sum(&alive, "alive_bytes"), after["live_bytes"][0].as_u64().unwrap(), "{at}");
        assert_eq!(sum(&alive, "alive_count"), after["live_count"][0].as_u64().unwrap(), "{at}");
    }
    let end = get(&format!("groups?limit=1000&at_us={}", u64::MAX));
    assert_eq!(Some(sum(&end, "alive_bytes")), info["leaked_bytes"].as_u64());
    let by_count = get("groups?at_us=5000000&sort=alive_count&order=asc");
    assert!(by_count["groups"].as_array().unwrap().is_sorted_by_key(|group| group["alive_count"].as_u64()));
    assert!(get("groups")["groups"][0].get("alive_bytes").is_none());
    assert_eq!(server.get(&format!("/v1/profiles/{id}/groups?sort=alive_bytes")).status, 400);
}

#[test]
fn a_script_prints_draws_and_fails_alike_on_every_route() {
    let server = TestServer::start();
    let id = server.upload("realloc.decoded.dat");
    let script = "println(allocations().len());\ngraph().add(\"All\", allocations()).save();\nnonsense();";
    for (path, folder, content_type) in [
        ("/script".to_owned(), "/v1/artifacts/", "application/json"),
        (format!("/v1/scripts?profile={id}"), "/v1/artifacts/", "application/json"),
        (
            "/data/last/execute_script".to_owned(),
            "/data/8675a7b263919f72e942500c6abb977b/script_files/",
            "application/json; charset=utf-8",
        ),
    ] {
        let answer = server.post(&path, script.as_bytes(), &[]);
        assert_eq!((answer.status, answer.content_type()), (200, content_type), "{path}");
        let answer = answer.json();
        assert_eq!(answer["status"], "error", "{path}");
        assert_eq!(answer["line"], 3, "{path}");
        assert!(answer["message"].as_str().unwrap().contains("nonsense"), "{path}");
        assert_eq!(answer["output"][0]["kind"], "println", "{path}");
        let image = &answer["output"][1];
        assert_eq!(image["basename"], "Graph #1.svg", "{path}");
        let url = image["url"].as_str().unwrap();
        assert_eq!(url, format!("{folder}{}/Graph%20%231.svg", image["checksum"].as_str().unwrap()));
        let picture = server.get(url);
        assert_eq!((picture.status, picture.content_type()), (200, "image/svg+xml"));
        assert!(picture.text().starts_with("<svg"), "{path}");
        assert!(picture.header("content-security-policy").starts_with("sandbox"), "{path}");
    }
}

#[test]
fn a_script_has_the_profiles_that_the_request_names() {
    let server = TestServer::start();
    let (first, second) = (server.upload("realloc.raw.dat"), server.upload("cull.raw.dat"));
    let script = "println(profiles().len()); println(allocations().len());";
    let count =
        |id: &str| server.get(&format!("/v1/profiles/{id}")).json()["info"]["allocations"].to_string();
    for (path, order) in [("/script", [&first, &second]), ("/v1/scripts", [&second, &first])] {
        let by_query =
            server.post(&format!("{path}?profile={}&profile={}", order[0], order[1]), script.as_bytes(), &[]);
        let by_body = server.post_json(path, &json!({"script": script, "profiles": order}));
        for answer in [by_query.json(), by_body.json()] {
            assert_eq!(answer["status"], "ok", "{answer}");
            assert_eq!(answer["output"][0]["value"], "2");
            assert_eq!(answer["output"][1]["value"], count(order[0]));
        }
    }
    assert_eq!(server.post_json("/script", &json!({"script": "exit()"})).json()["status"], "ok");
}

#[test]
fn a_script_that_never_ends_is_ended() {
    let server = TestServer::start();
    server.upload("realloc.raw.dat");
    let answer = server.post("/script", b"loop {}", &[]).json();
    assert_eq!(answer["status"], "error");
    assert_eq!(server.post("/script", b"println(1)", &[]).json()["status"], "ok");
}

#[test]
fn rows_of_a_comparison_add_up_and_the_largest_change_is_first() {
    let server = TestServer::start();
    let (base, new) = (server.upload("realloc.decoded.dat"), server.upload("threads.decoded.dat"));
    server.post("/v1/profiles?label=side=new", &crate::support::golden("threads.decoded.dat"), &[]);
    let named = json!({"base": {"profiles": [base]}, "new": {"profiles": [new]}});
    let data = server.post_json("/v1/comparisons", &named).json()["data"].clone();
    let rows = data["rows"].as_array().unwrap();
    assert_eq!(data["total"], rows.len());
    assert_eq!(data["base"]["label"], "t_realloc");
    assert_eq!(data["new"]["runs"], json!([new]));
    for metric in ["leaked_bytes", "leaked_count", "allocated_bytes", "allocated_count", "peak_bytes"] {
        let sum: i64 = rows.iter().map(|row| row["delta"][metric].as_i64().unwrap()).sum();
        assert_eq!(Some(sum), data["delta"][metric].as_i64(), "{metric}");
    }
    let change = |row: &Value| std::cmp::Reverse(row["delta"]["leaked_bytes"].as_i64().unwrap().abs());
    assert!(rows.is_sorted_by_key(change));
    for row in rows {
        let status = match (row["base"].is_null(), row["new"].is_null()) {
            (false, false) => "matched",
            (false, true) => "only_base",
            (true, _) => "only_new",
        };
        assert_eq!(row["status"], status);
        assert!(!row["frames"].as_array().unwrap().is_empty());
    }
    let labelled = json!({"base": {"profiles": [base]}, "new": {"labels": {"side": "new"}}});
    assert_eq!(server.post_json("/v1/comparisons", &labelled).json()["data"], data);
    let finer =
        json!({"base": {"profiles": [base]}, "new": {"profiles": [new]}, "match": "exact", "limit": 3});
    let finer = server.post_json("/v1/comparisons", &finer).json()["data"].clone();
    assert_eq!(finer["rows"].as_array().unwrap().len(), 3);
    assert_eq!(finer["delta"], data["delta"]);
}

#[test]
fn the_web_ui_is_served_and_revalidated() {
    let server = TestServer::start();
    let page = server.get("/");
    assert_eq!((page.status, page.content_type()), (200, "text/html; charset=utf-8"));
    let etag = page.header("etag").to_owned();
    assert!(!etag.is_empty());
    let agent = ureq::agent();
    let again = agent.get(server.url("/")).header("if-none-match", &etag).call().unwrap();
    assert_eq!(again.status(), 304);
    let missing = server.get("/no/such/file.js");
    assert_eq!((missing.status, missing.body.len()), (404, 0));
    assert_eq!(server.post("/", b"", &[]).status, 405);
}

#[test]
fn the_service_tells_how_it_is() {
    let server = TestServer::start();
    assert_eq!(server.get("/healthz").status, 200);
    assert_eq!(server.get("/readyz").status, 200);
    server.upload("realloc.raw.dat");
    assert_eq!(server.get("/v1/observe").json()["receiver"]["done"], 1);
}
