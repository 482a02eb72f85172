//! What the capture library has to reach.

use super::measure::Variant;
use super::summary::Summary;
use super::workload::Workload;

/// Added time, as a part of what `heaptrack --raw` adds, on every workload.
const RATIO: f64 = 0.5;
/// Memory that does not depend on the program, in MiB.
const MEMORY_MIB: f64 = 32.0;
/// Memory of a thread, in MiB.
const MEMORY_OF_A_THREAD_MIB: f64 = 1.0;
/// Memory of a distinct stack, in MiB.
const MEMORY_OF_A_STACK_MIB: f64 = 1.0 / 1024.0;

/// The targets that a workload missed, in words.
pub(super) fn missed(summary: &Summary) -> Vec<String> {
    let of = |what: &str, value: Option<f64>, limit: Option<f64>| {
        let (value, limit) = (value?, limit?);
        (value > limit).then(|| format!("{}: {what} {value:.2}, at most {limit:.2}", summary.workload))
    };
    let nanoseconds = match summary.workload {
        Workload::Shallow => Some(50.0),
        Workload::Deep => Some(120.0),
        _ => None,
    };
    let bytes = (summary.workload == Workload::Shallow).then_some(10.0);
    let memory = summary.facts.map(|facts| {
        MEMORY_MIB + facts.threads * MEMORY_OF_A_THREAD_MIB + facts.stacks * MEMORY_OF_A_STACK_MIB
    });
    let ours = Variant::Ours;
    let noise = summary.ratio(ours).is_none();
    let unmeasured =
        || format!("{}: heaptrack seems to cost nothing: the machine is too noisy", summary.workload);
    [
        noise.then(unmeasured),
        of("time added, as a part of heaptrack's,", summary.ratio(ours), Some(RATIO)),
        of("ns added to an event:", summary.nanoseconds_an_event(ours), nanoseconds),
        of("bytes an event:", summary.bytes_an_event(ours), bytes),
        of("MiB added at the peak:", summary.added_mib(), memory),
    ]
    .into_iter()
    .flatten()
    .collect()
}
