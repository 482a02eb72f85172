// Made-up profiles for working on the pages without the service: seeded, so that every look is the same.

import type { Comparison, Frame, Group, Metrics, Profile, Timeline } from "../app/api/types";

const START_US = Date.UTC(2026, 2, 14, 9, 26, 53) * 1000;
const RUNTIME_US = 312_450_000;

type Path = ReadonlyArray<readonly [name: string, source?: string, line?: number]>;

const ENTRY: Path = [
  ["_start"],
  ["__libc_start_main"],
  ["main"],
  ["std::rt::lang_start::{{closure}}"],
  ["std::sys_common::backtrace::__rust_begin_short_backtrace"],
];

const PATHS: Path[] = [
  [
    ["harbour::server::serve", "src/server.rs", 88],
    ["harbour::session::Session::open", "src/session.rs", 141],
    ["harbour::session::ring_buffer", "src/session.rs", 47],
    ["alloc::vec::Vec<T,A>::resize", "alloc/src/vec/mod.rs", 2366],
  ],
  [
    ["harbour::server::serve", "src/server.rs", 88],
    ["harbour::cache::Lru<K,V>::insert", "src/cache.rs", 203],
    ["hashbrown::raw::RawTable<T,A>::reserve_rehash", "hashbrown/src/raw/mod.rs", 1012],
  ],
  [
    ["harbour::server::serve", "src/server.rs", 91],
    ["harbour::route::Router::match_path", "src/route.rs", 310],
    ["regex_automata::meta::Regex::new", "regex-automata/src/meta/regex.rs", 559],
    ["alloc::sync::Arc<T>::new"],
  ],
  [
    ["harbour::jobs::Worker::run", "src/jobs.rs", 64],
    ["harbour::jobs::decode_message", "src/jobs.rs", 118],
    ["serde_json::de::from_slice", "serde_json/src/de.rs", 2514],
    ["<alloc::string::String as serde::de::Deserialize>::deserialize"],
  ],
  [
    ["harbour::jobs::Worker::run", "src/jobs.rs", 71],
    ["sqlite3_step", "sqlite3.c", 91822],
    ["pcache1AllocPage", "sqlite3.c", 55310],
    ["malloc"],
  ],
  [
    ["harbour::jobs::Worker::run", "src/jobs.rs", 75],
    ["<img src=x onerror=\"document.title='owned'\">", "src/<script>alert(1)</script>.rs", 7],
    ["malloc"],
  ],
  [
    ["harbour::tls::accept", "src/tls.rs", 29],
    ["SSL_new", "ssl/ssl_lib.c", 712],
    ["CRYPTO_zalloc", "crypto/mem.c", 226],
  ],
  [
    ["harbour::metrics::Registry::histogram", "src/metrics.rs", 77],
    ["alloc::collections::btree::map::BTreeMap<K,V,A>::insert", "alloc/src/collections/btree/map.rs", 1012],
  ],
  [
    ["harbour::log::Appender::write", "src/log.rs", 52],
    [
      "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >::_M_create(unsigned long&, unsigned long)",
    ],
    ["operator new(unsigned long)"],
  ],
  [
    ["harbour::config::load", "src/config.rs", 19],
    ["toml::de::from_str", "toml/src/de.rs", 71],
  ],
];

/** A small generator of numbers in [0, 1): enough to look irregular. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function frames(path: Path): Frame[] {
  return [...ENTRY, ...path].map(([name, source, line], i) => ({
    library: i === 1 ? "/usr/lib/x86_64-linux-gnu/libc.so.6" : "/srv/harbour/bin/harbour",
    function: name,
    source: source ?? null,
    line: line ?? null,
    address: 0x55d0_0000_1000 + i * 0x40,
    is_inline: i % 4 === 3,
  }));
}

const KEPT = (length: number) => Array.from({ length }, (_, i) => i).filter((i) => i !== 3 && i !== 4);

function metrics(random: () => number, scale: number): Metrics {
  const allocated_count = Math.ceil(random() * 90_000 * scale);
  const allocated_bytes = allocated_count * Math.ceil(random() * 600);
  const leaked = random() < 0.6 ? random() ** 3 : 0;
  return {
    allocated_count,
    allocated_bytes,
    leaked_count: Math.floor(allocated_count * leaked),
    leaked_bytes: Math.floor(allocated_bytes * leaked),
    peak_bytes: Math.floor(allocated_bytes * (leaked + (1 - leaked) * random() * 0.4)),
  };
}

export function groups(start_us = START_US): Group[] {
  const random = numbers(7);
  return Array.from({ length: 130 }, (_, i) => {
    const path = PATHS[i % PATHS.length] ?? [];
    const stack = frames(path);
    const first = random() * RUNTIME_US * 0.3;
    return {
      backtrace_id: i,
      ...metrics(random, 1 / (1 + i / 6)),
      first_us: start_us + first,
      last_us: start_us + first + random() * (RUNTIME_US - first),
      frames: stack,
      stripped: KEPT(stack.length),
    };
  });
}

/** What some of them had alive at a moment, as the curve has it. */
export function groupsAt(at_us: number, start_us = START_US): Group[] {
  const { live_bytes, live_count } = timeline(at_us, at_us + 1, 1);
  const began = groups(start_us).filter((group) => group.first_us - start_us <= at_us);
  const total = began.reduce((sum, group) => sum + group.peak_bytes, 0) || 1;
  return began.flatMap((group) => {
    const part = group.peak_bytes / total;
    const alive_count = Math.round(part * (live_count[0] ?? 0));
    return alive_count > 0 ? [{ ...group, alive_count, alive_bytes: Math.round(part * (live_bytes[0] ?? 0)) }] : [];
  });
}

export function timeline(from: number, to: number, points: number): Timeline {
  const answer: Timeline = { t_us: [], live_bytes: [], live_count: [], allocations: [], deallocations: [] };
  const random = numbers(Math.floor(from) + 3);
  for (let i = 0; i < points; i++) {
    const t = from + ((to - from) * i) / points;
    const part = t / RUNTIME_US;
    const wave = Math.sin(part * 41) ** 2 + 0.4 * Math.sin(part * 173) ** 2;
    const spike = Math.exp(-(((part - 0.63) * 40) ** 2));
    const noise = random();
    answer.t_us.push(Math.round(t));
    answer.live_bytes.push(Math.round(2 ** 20 * (12 + 150 * part + 34 * wave + 90 * spike + 6 * noise)));
    answer.live_count.push(Math.round(4000 + 61_000 * part + 9000 * wave + 500 * noise));
    answer.allocations.push(Math.round(((to - from) / points / 1e6) * (9000 + 14_000 * wave + 4000 * noise)));
    answer.deallocations.push(Math.round(((to - from) / points / 1e6) * (8600 + 13_500 * wave + 4000 * random())));
  }
  return answer;
}

function ready(id: string, build: string, shift: number, labels: Record<string, string>): Profile {
  return {
    id,
    data_id: "00112233445566778899aabbccddeeff",
    name: `harbour-${build}.dat`,
    state: "ready",
    problem: null,
    progress: null,
    labels,
    size_bytes: 148_213_556,
    created_at_ms: START_US / 1000 + shift * 3_600_000,
    info: {
      executable: "/srv/harbour/bin/harbour",
      cmdline: ["/srv/harbour/bin/harbour", "--listen", "127.0.0.1:7700", "--jobs", "8"],
      architecture: "x86_64",
      pid: 41_207 + shift,
      start_us: START_US + shift * 3.6e9,
      end_us: START_US + shift * 3.6e9 + RUNTIME_US,
      runtime_us: RUNTIME_US,
      allocations: 4_812_377 + shift * 91_000,
      leaked_count: 61_204 + shift * 7000,
      leaked_bytes: 171_442_688 + shift * 9_100_000,
      allocated_bytes: 3_904_112_004,
      peak_bytes: 268_435_456 + shift * 12_000_000,
      peak_at_us: START_US + shift * 3.6e9 + RUNTIME_US * 0.63,
      backtraces: 130,
      max_depth: 41,
      frames_max: 1000,
      defects: shift === 1 ? ["the capture ends in the middle of a block: 1 event was dropped"] : [],
    },
  };
}

export function profiles(): Profile[] {
  return [
    ready("p_ready1", "a41f", 0, { branch: "main", commit: "a41f", suite: "soak" }),
    ready("p_ready2", "c09e", 1, { branch: "ring-buffer", commit: "c09e", suite: "soak" }),
    { ...ready("p_fresh", "d7b2", 2, { suite: "soak" }), state: "loading", info: null },
    {
      ...ready("p_failed", "notes", 3, {}),
      name: "<b>notes</b>.txt",
      state: "failed",
      info: null,
      problem: "not a capture: `DATA` was expected at byte 0, found `Dear`",
      size_bytes: 2048,
    },
  ];
}

export function comparison(): Comparison {
  const random = numbers(23);
  const rows = groups()
    .slice(0, 60)
    .map((group, i) => {
      const base = i % 9 === 4 ? null : pick(group);
      const other = i % 9 === 7 ? null : i % 5 === 0 && base ? base : metrics(random, 1 / (1 + i / 6));
      const status = !base ? ("only_new" as const) : !other ? ("only_base" as const) : ("matched" as const);
      return {
        status,
        frames: group.frames,
        stripped: group.stripped ?? [],
        base,
        new: other,
        delta: minus(other, base),
      };
    });
  const total = (side: "base" | "new") => rows.reduce((sum, row) => plus(sum, row[side]), plus(null, null));
  return {
    base: { label: "harbour a41f", totals: total("base") },
    new: { label: "harbour c09e", totals: total("new") },
    delta: minus(total("new"), total("base")),
    rows,
    total: rows.length,
  };
}

function pick({ leaked_bytes, leaked_count, allocated_bytes, allocated_count, peak_bytes }: Metrics): Metrics {
  return { leaked_bytes, leaked_count, allocated_bytes, allocated_count, peak_bytes };
}

function combine(a: Metrics | null, b: Metrics | null, sign: 1 | -1): Metrics {
  const of = (name: keyof Metrics) => (a?.[name] ?? 0) + sign * (b?.[name] ?? 0);
  return {
    leaked_bytes: of("leaked_bytes"),
    leaked_count: of("leaked_count"),
    allocated_bytes: of("allocated_bytes"),
    allocated_count: of("allocated_count"),
    peak_bytes: of("peak_bytes"),
  };
}

const plus = (a: Metrics | null, b: Metrics | null) => combine(a, b, 1);
const minus = (a: Metrics | null, b: Metrics | null) => combine(a, b, -1);
