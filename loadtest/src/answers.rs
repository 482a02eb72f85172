//! Whether an answer is right: the first one to a request has to say what is known, and all others what it says. Only
//! lists may become longer, while captures are uploaded.

use crate::client::Answer;
use crate::requests::{Kind, Request};
use serde_json::Value;
use std::sync::OnceLock;

/// What an answer is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Right,
    /// The server is too busy, and says so: allowed, and counted.
    TooBusy,
    /// An error of the server, or no answer.
    Failed(String),
    /// Not what it has to be.
    Wrong(String),
}

/// The first answer to every request, once there is one.
#[derive(Debug)]
pub(crate) struct FirstAnswers {
    answers: Vec<OnceLock<Vec<u8>>>,
    lists_grow: bool,
}

impl FirstAnswers {
    pub(crate) fn of(requests: usize, lists_grow: bool) -> Self {
        Self { answers: (0..requests).map(|_| OnceLock::new()).collect(), lists_grow }
    }

    /// Judges an answer to the request at a place.
    pub(crate) fn judge(&self, at: usize, request: &Request, answer: Answer) -> Verdict {
        let Answer { status, body } = answer;
        match status {
            200 => {}
            429 => return Verdict::TooBusy,
            500.. => return Verdict::Failed(format!("status {status}: {}", start(&body))),
            _ => return Verdict::Wrong(format!("status {status}: {}", start(&body))),
        }
        let stable = match stable_part(request.kind, body) {
            Ok(stable) => stable,
            Err(why) => return Verdict::Wrong(why),
        };
        let Some(first) = self.answers.get(at) else { return Verdict::Right };
        if let Some(expected) = request.expected.as_ref().filter(|_| first.get().is_none()) {
            let json = serde_json::from_slice(&stable).unwrap_or_default();
            if let Err(why) = expected.check(&json) {
                return Verdict::Wrong(why);
            }
        }
        let first = first.get_or_init(|| stable.clone());
        let grows = self.lists_grow && request.kind == Kind::List;
        if *first == stable || grows && has_all_of(&stable, first) {
            Verdict::Right
        } else {
            Verdict::Wrong(difference(first, &stable))
        }
    }
}

/// An answer without what differs each time by nature; other answers are compared as they came.
fn stable_part(kind: Kind, body: Vec<u8>) -> Result<Vec<u8>, String> {
    let mut json: Value =
        serde_json::from_slice(&body).map_err(|error| format!("not JSON ({error}): {}", start(&body)))?;
    if kind == Kind::Script && json["status"] != "ok" {
        return Err(format!("the script failed: {}", start(&body)));
    }
    if kind.volatile().is_empty() {
        return Ok(body);
    }
    for field in kind.volatile() {
        if json.as_object_mut().and_then(|object| object.remove(*field)).is_none() {
            return Err(format!("without `{field}`: {}", start(&body)));
        }
    }
    Ok(json.to_string().into_bytes())
}

/// Whether a list has whatever another one has.
fn has_all_of(list: &[u8], other: &[u8]) -> bool {
    let entries = |json: &[u8]| serde_json::from_slice::<Vec<Value>>(json).unwrap_or_default();
    let list = entries(list);
    !list.is_empty() && entries(other).iter().all(|entry| list.contains(entry))
}

/// Enough to know the rest by.
const START: usize = 200;

fn start(body: &[u8]) -> String {
    String::from_utf8_lossy(&body[..body.len().min(START)]).into_owned()
}

fn difference(first: &[u8], other: &[u8]) -> String {
    let at = first.iter().zip(other).take_while(|(first, other)| first == other).count();
    let around = |bytes: &[u8]| start(&bytes[at.saturating_sub(START / 2).min(bytes.len())..]);
    format!("differs from byte {at} on: first …{}…, now …{}…", around(first), around(other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requests::{Mix, Subject};

    fn judge(kind: Kind, answers: &[(u16, &str)]) -> Vec<Verdict> {
        judge_while(false, kind, answers)
    }

    fn judge_while(lists_grow: bool, kind: Kind, answers: &[(u16, &str)]) -> Vec<Verdict> {
        let mix = Mix::over(&[Subject { id: "p_a".into(), known: None }], &Kind::ALL);
        let at = mix.requests().iter().position(|request| request.kind == kind).unwrap();
        let first = FirstAnswers::of(mix.requests().len(), lists_grow);
        let judged = answers.iter().map(|(status, body)| {
            first.judge(at, &mix.requests()[at], Answer { status: *status, body: body.as_bytes().to_vec() })
        });
        judged.collect()
    }

    #[test]
    fn the_same_bytes_are_right_and_others_wrong() {
        let verdicts = judge(Kind::List, &[(200, "[1]"), (200, "[1]"), (200, "[1 ]"), (200, "[1]")]);
        assert_eq!(
            (&verdicts[0], &verdicts[1], &verdicts[3]),
            (&Verdict::Right, &Verdict::Right, &Verdict::Right)
        );
        let Verdict::Wrong(why) = &verdicts[2] else { panic!("{verdicts:?}") };
        assert!(why.contains("differs from byte 2"), "{why}");
    }

    #[test]
    fn a_list_may_grow_while_captures_are_uploaded_but_loses_nothing() {
        let answers = [(200, "[1]"), (200, "[2,1]"), (200, "[2]"), (200, "[]")];
        let judged =
            |grow| judge_while(grow, Kind::List, &answers).iter().map(|it| *it == Verdict::Right).collect();
        let (growing, fixed): (Vec<_>, Vec<_>) = (judged(true), judged(false));
        assert_eq!((growing, fixed), (vec![true, true, false, false], vec![true, false, false, false]));
    }

    #[test]
    fn a_script_may_take_longer_but_must_say_the_same() {
        let verdicts = judge(
            Kind::Script,
            &[
                (200, r#"{"status":"ok","elapsed":0.1,"output":[]}"#),
                (200, r#"{"status":"ok","elapsed":7.5,"output":[]}"#),
                (200, r#"{"status":"ok","elapsed":0.1,"output":[1]}"#),
                (200, r#"{"status":"error","elapsed":0.1,"output":[]}"#),
                (200, r#"{"status":"ok","output":[]}"#),
            ],
        );
        assert_eq!(verdicts[..2], [Verdict::Right, Verdict::Right]);
        assert!(verdicts[2..].iter().all(|verdict| matches!(verdict, Verdict::Wrong(_))), "{verdicts:?}");
    }

    #[test]
    fn only_too_busy_is_an_excuse() {
        let verdicts =
            judge(Kind::Groups, &[(429, ""), (503, "{}"), (404, "{}"), (200, "<html>"), (200, "{}")]);
        assert_eq!((&verdicts[0], &verdicts[4]), (&Verdict::TooBusy, &Verdict::Right));
        assert!(matches!(verdicts[1], Verdict::Failed(_)));
        assert!(matches!((&verdicts[2], &verdicts[3]), (Verdict::Wrong(_), Verdict::Wrong(_))));
    }
}
