//! Requests by route, and how long their answers took to begin.

use super::exposition::Exposition;
use super::exposition::Kind::{Counter, Histogram as Durations};
use super::histogram::Histogram;
use actix_web::http::Method;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Stands for the paths of no route: files of the web UI, and what strangers try.
const NO_ROUTE: &str = "other";

/// What was asked, and how it was answered. There are only so many of them, whatever is asked.
pub(crate) struct Asked<'a> {
    route: &'a str,
    method: &'static str,
    status: u16,
}

impl<'a> Asked<'a> {
    pub(crate) fn new(route: Option<&'a str>, method: &Method, status: u16) -> Self {
        let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
        let known = methods.into_iter().find(|known| *known == method.as_str());
        let route = route.filter(|route| !route.is_empty()).unwrap_or(NO_ROUTE);
        Self { route, method: known.unwrap_or("other"), status }
    }
}

/// All requests so far.
#[derive(Default)]
pub(crate) struct Requests(Mutex<BTreeMap<String, Route>>);

#[derive(Default)]
struct Route {
    answers: BTreeMap<(&'static str, u16), u64>,
    durations: Histogram,
}

impl Requests {
    pub(crate) fn note(&self, asked: Asked<'_>, elapsed: Duration) {
        let mut routes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !routes.contains_key(asked.route) {
            routes.insert(asked.route.to_owned(), Route::default());
        }
        if let Some(route) = routes.get_mut(asked.route) {
            *route.answers.entry((asked.method, asked.status)).or_default() += 1;
            route.durations.note(elapsed);
        }
    }

    pub(super) fn render(&self, page: &mut Exposition) {
        let routes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        page.family("bytehound_http_requests_total", Counter, "Requests, by route, method and status.");
        for (name, route) in &*routes {
            for ((method, status), count) in &route.answers {
                let status = status.to_string();
                page.sample(&[("route", name), ("method", method), ("status", &status)], count);
            }
        }
        let help = "Time until an answer began, by route.";
        page.family("bytehound_http_request_duration_seconds", Durations, help);
        for (name, route) in &*routes {
            route.durations.render(page, &[("route", name)]);
        }
    }
}
