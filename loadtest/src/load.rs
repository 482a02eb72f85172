//! Applying the load: clients that send what is due, and note how it went. Before that, if it is wanted, every question
//! is asked once: what a server does when something is asked of it for the first time is told apart from the rest.

use crate::answers::{FirstAnswers, Verdict};
use crate::client::Client;
use crate::measured::Measured;
use crate::requests::{Mix, Request};
use crate::schedule::Schedule;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How much load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Requests that may be under way at once.
    pub(crate) clients: usize,
    pub(crate) schedule: Schedule,
    /// No request is sent later.
    pub(crate) time_limit: Duration,
}

/// What is asked of a server, and what it answered first.
pub(crate) struct Questions<'a> {
    client: &'a Client,
    mix: &'a Mix,
    first: FirstAnswers,
    /// Tells the requests of this process from those of others.
    since: u128,
}

impl<'a> Questions<'a> {
    /// `lists_grow` while captures are uploaded.
    pub(crate) fn new(client: &'a Client, mix: &'a Mix, lists_grow: bool) -> Self {
        let first = FirstAnswers::of(mix.requests().len(), lists_grow);
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        Self { client, mix, first, since }
    }

    /// Asks every question once, one after the other.
    pub(crate) fn warm_up(&self) -> Measured {
        let mut measured = Measured::default();
        let start = Instant::now();
        for at in self.mix.each() {
            let sent = Instant::now();
            let (request, answered, verdict) = self.ask(at, &format!("first{at}"));
            measured.record(request, answered - sent, verdict);
        }
        measured.finish(0, start.elapsed());
        measured
    }

    /// Sends the request at a place; says when it was answered, and what the answer is worth.
    fn ask(&self, at: usize, number: &str) -> (&'a Request, Instant, Verdict) {
        let request = &self.mix.requests()[at];
        let body = request.body(&format!("{:x}_{number}", self.since));
        let answer = self.client.call(&request.path, request.call(&body));
        let answered = Instant::now();
        let verdict = match answer {
            Ok(answer) => self.first.judge(at, request, answer),
            Err(error) => Verdict::Failed(format!("{error:#}")),
        };
        (request, answered, verdict)
    }
}

/// Sends all requests, or those that are due until something else is over, and gives what was measured.
pub(crate) fn apply(questions: &Questions<'_>, load: &Load, over: Option<&AtomicBool>) -> Measured {
    let run = Run { questions, load, over, next: AtomicUsize::new(0), start: Instant::now() };
    let mut measured = thread::scope(|scope| {
        let clients: Vec<_> = (0..load.clients).map(|_| scope.spawn(|| run.send_what_is_due())).collect();
        let mut total = Measured::default();
        for client in clients {
            match client.join() {
                Ok(measured) => total.merge(measured),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        total
    });
    let wanted = if over.is_some() { 0 } else { load.schedule.requests() };
    measured.finish(wanted, run.start.elapsed());
    measured
}

struct Run<'a> {
    questions: &'a Questions<'a>,
    load: &'a Load,
    over: Option<&'a AtomicBool>,
    next: AtomicUsize,
    start: Instant,
}

impl Run<'_> {
    /// The life of one client: takes the next request, waits until it is due, sends it.
    fn send_what_is_due(&self) -> Measured {
        let mut measured = Measured::default();
        while self.start.elapsed() < self.load.time_limit && !self.is_over() {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(due) = self.load.schedule.due(number).filter(|due| *due < self.load.time_limit) else {
                break;
            };
            thread::sleep(due.saturating_sub(self.start.elapsed()));
            self.send(number, due, &mut measured);
        }
        measured
    }

    fn is_over(&self) -> bool {
        self.over.is_some_and(|over| over.load(Ordering::Relaxed))
    }

    /// The latency counts from when the request was due, however late a client was free to send it.
    fn send(&self, number: usize, due: Duration, measured: &mut Measured) {
        let Questions { mix, .. } = self.questions;
        let (request, answered, verdict) = self.questions.ask(mix.at(number), &number.to_string());
        measured.record(request, (answered - self.start).saturating_sub(due), verdict);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake_server::FakeServer;
    use crate::requests::{Kind, Subject};
    use std::collections::HashSet;
    use std::sync::{Arc, Mutex};

    fn mix() -> Mix {
        Mix::over(&[Subject { id: "p_a".into(), known: None }], &Kind::ALL)
    }

    fn good(line: &str) -> (u16, String) {
        match line.starts_with("POST /script") {
            true => (200, r#"{"status":"ok","elapsed":1,"output":[]}"#.into()),
            false => (200, "{}".into()),
        }
    }

    fn measure(server: &FakeServer, clients: usize, requests: usize, rate: u32) -> Measured {
        let load =
            Load { clients, schedule: Schedule::new(requests, rate), time_limit: Duration::from_secs(60) };
        apply_to(&server.client(), &load, None)
    }

    fn apply_to(client: &Client, load: &Load, over: Option<&AtomicBool>) -> Measured {
        let mix = mix();
        apply(&Questions::new(client, &mix, over.is_some()), load, over)
    }

    #[test]
    fn a_warm_up_asks_everything_once_and_its_answers_are_the_first() {
        let lists = AtomicUsize::new(0);
        let server = FakeServer::start(move |line, _| match line {
            "GET /list HTTP/1.1" if lists.fetch_add(1, Ordering::SeqCst) == 0 => (200, "[]".into()),
            line => good(line),
        });
        let (client, mix) = (server.client(), mix());
        let questions = Questions::new(&client, &mix, false);
        assert!(questions.warm_up().is_good());
        assert_eq!(server.requests(), mix.requests().len());
        let load =
            Load { clients: 1, schedule: Schedule::new(6, 10_000), time_limit: Duration::from_secs(60) };
        assert!(!apply(&questions, &load, None).is_good(), "the list is another one now");
    }

    #[test]
    fn no_two_filters_are_the_same_not_even_those_of_two_runs() {
        let filters = Arc::new(Mutex::new(HashSet::new()));
        let seen = Arc::clone(&filters);
        let server = FakeServer::start(move |line, body| {
            if body.starts_with(b"{\"filter\"") {
                assert!(seen.lock().unwrap().insert(body.to_vec()), "asked twice");
            }
            good(line)
        });
        (0..2).for_each(|_| assert!(measure(&server, 1, 60, 10_000).is_good()));
        assert_eq!(filters.lock().unwrap().len(), 20);
    }

    #[test]
    fn every_request_is_sent_once_and_counted_by_kind() {
        let server = FakeServer::start(|line, _| good(line));
        let measured = measure(&server, 4, 120, 10_000);
        for kind in Kind::ALL {
            assert_eq!(measured.count(kind), 20, "{kind:?}");
        }
        assert!(measured.is_good());
        assert_eq!(server.requests(), 120);
    }

    #[test]
    fn one_wrong_answer_among_many_is_found() {
        let lists = AtomicUsize::new(0);
        let server = FakeServer::start(move |line, _| match line {
            "GET /list HTTP/1.1" if lists.fetch_add(1, Ordering::SeqCst) == 7 => (200, "[]".into()),
            line => good(line),
        });
        assert!(!measure(&server, 1, 100, 10_000).is_good());
    }

    #[test]
    fn a_server_that_is_gone_is_a_failure() {
        let server = FakeServer::start(|line, _| good(line));
        let client = server.client();
        drop(server);
        let load =
            Load { clients: 1, schedule: Schedule::new(3, 10_000), time_limit: Duration::from_secs(60) };
        assert!(!apply_to(&client, &load, None).is_good());
    }

    #[test]
    fn requests_behind_a_stall_count_how_long_they_waited() {
        let stall = Duration::from_millis(300);
        let lists = AtomicUsize::new(0);
        let server = FakeServer::start(move |line, _| {
            if line == "GET /list HTTP/1.1" && lists.fetch_add(1, Ordering::SeqCst) == 0 {
                thread::sleep(stall);
            }
            good(line)
        });
        let measured = measure(&server, 1, 24, 1000);
        // Only the first list stalls; but all others were due within 20 ms of it, and had to wait for its end.
        for kind in Kind::ALL {
            assert!(measured.percentile(kind, 50.0) >= Some(stall - Duration::from_millis(30)), "{kind:?}");
        }
    }

    #[test]
    fn what_the_time_limit_leaves_over_counts_against_the_server() {
        let server = FakeServer::start(|line, _| good(line));
        let load =
            Load { clients: 2, schedule: Schedule::new(1000, 100), time_limit: Duration::from_millis(100) };
        let measured = apply_to(&server.client(), &load, None);
        assert!(measured.left_over >= 990, "{}", measured.left_over);
        assert!(!measured.is_good());
    }

    #[test]
    fn the_load_ends_with_what_it_goes_along_with() {
        let over = AtomicBool::new(false);
        let server = FakeServer::start(|line, _| good(line));
        let load = Load {
            clients: 1,
            schedule: Schedule::new(1_000_000, 1000),
            time_limit: Duration::from_secs(60),
        };
        let measured = thread::scope(|scope| {
            let applied = scope.spawn(|| apply_to(&server.client(), &load, Some(&over)));
            while server.requests() < 10 {
                thread::yield_now();
            }
            over.store(true, Ordering::Relaxed);
            applied.join().unwrap()
        });
        assert!(measured.is_good(), "{measured:?}");
    }
}
