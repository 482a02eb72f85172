// The JSON of the service, as its `/v1` routes answer. Sizes are bytes, times are microseconds.

export type ProfileState = "stored" | "loading" | "symbolizing" | "indexing" | "ready" | "failed";

export interface Progress {
  phase: string;
  bytes: number;
  bytes_total: number;
  events: number;
}

export interface ProfileInfo {
  executable: string;
  cmdline: string[];
  architecture: string;
  pid: number;
  start_us: number;
  end_us: number;
  runtime_us: number;
  allocations: number;
  leaked_count: number;
  leaked_bytes: number;
  allocated_bytes: number;
  peak_bytes: number;
  peak_at_us: number;
  backtraces: number;
  max_depth: number;
  frames_max: number | null;
  defects: string[];
}

export interface Profile {
  id: string;
  data_id: string | null;
  name: string;
  state: ProfileState;
  problem: string | null;
  progress: Progress | null;
  labels: Record<string, string>;
  size_bytes: number;
  created_at_ms: number;
  info: ProfileInfo | null;
}

export interface Uploaded {
  id: string;
  state: ProfileState;
  deduplicated: boolean;
}

/** Columns of equal length; a bucket reaches to the next one's `t_us`. */
export interface Timeline {
  t_us: number[];
  live_bytes: number[];
  live_count: number[];
  allocations: number[];
  deallocations: number[];
}

export interface Frame {
  library?: string | null;
  function?: string | null;
  raw_function?: string | null;
  source?: string | null;
  line?: number | null;
  column?: number | null;
  address: number | string;
  is_inline: boolean;
}

export interface Metrics {
  leaked_bytes: number;
  leaked_count: number;
  allocated_bytes: number;
  allocated_count: number;
  peak_bytes: number;
}

export type Metric = keyof Metrics;

/** Frames are outermost first; `stripped` holds the indexes of those worth reading, where the service says so. */
export interface Stack {
  frames: Frame[];
  stripped?: number[];
}

/** What was alive of a backtrace, where a moment was asked for. */
export interface AliveMetrics {
  alive_bytes: number;
  alive_count: number;
}

export type GroupMetric = Metric | keyof AliveMetrics;

export interface Group extends Metrics, Partial<AliveMetrics>, Stack {
  backtrace_id: number;
  first_us: number;
  last_us: number;
}

export interface GroupPage {
  groups: Group[];
  total: number;
  next: string | null;
}

export type ScriptOutput =
  { kind: "println"; value: string } | { kind: "image"; url: string; basename: string; path: string; checksum: string };

export interface ScriptResult {
  status: "ok" | "error";
  elapsed: number;
  output: ScriptOutput[];
  message?: string | null;
  line?: number | null;
  column?: number | null;
}

export interface ComparisonSide {
  label: string;
  totals: Metrics;
}

export type RowStatus = "matched" | "only_base" | "only_new";

export interface ComparisonRow extends Stack {
  status: RowStatus;
  base: Metrics | null;
  new: Metrics | null;
  delta: Metrics;
}

export interface Comparison {
  base: ComparisonSide;
  new: ComparisonSide;
  delta: Metrics;
  rows: ComparisonRow[];
  total: number;
}
