/** What an event rests on, as the gateway gives it: the alert, its hits, their packets, their prints with quotes. */
import type {
  Alert,
  Check,
  EquityPrint,
  FlowPacket,
  Hit,
  MarkedPrint,
  OptionPrint,
  Outcome,
  PositionCheck,
  Structure,
} from "./events";

export interface Evidence {
  /** The alert's newest revision, or the newest alert that rests on the packet. */
  readonly alert: Alert | null;
  readonly structures: readonly Structure[];
  readonly hits: readonly Hit[];
  readonly packets: readonly FlowPacket[];
  readonly prints: readonly MarkedPrint[];
  /** What became of the alert since, oldest look first. */
  readonly outcomes: readonly Outcome[];
  readonly checks: readonly PositionCheck[];
  /** A print that stands for itself: an equity's, or an option's that no flow has marked. */
  readonly raw: OptionPrint | EquityPrint | null;
  /** Ids that are named as evidence and were not found. */
  readonly missing: readonly string[];
}

/** One rule's judgement of a packet, fired or not. */
export interface Judgement {
  readonly rule: string;
  readonly version: number;
  readonly fired: boolean;
  readonly direction: Alert["direction"];
  readonly confidence: number | null;
  readonly checks: readonly Check[];
}

export interface Explanation {
  readonly packets: readonly { readonly packet: string; readonly rules: readonly Judgement[] }[];
}

type Loose = Record<string, unknown>;

function list<T>(value: unknown): readonly T[] {
  return Array.isArray(value) ? (value as T[]) : [];
}

export const NO_EVIDENCE: Evidence = {
  alert: null,
  structures: [],
  hits: [],
  packets: [],
  prints: [],
  outcomes: [],
  checks: [],
  raw: null,
  missing: [],
};

/** Reads the gateway's answer; a part it leaves out is empty. */
export function readEvidence(body: unknown): Evidence {
  const b = (body ?? {}) as Loose;
  const newest = [...list<Alert>(b.alerts)].sort((x, y) => x.revision - y.revision || x.ts - y.ts).at(-1);
  return {
    ...NO_EVIDENCE,
    alert: newest ?? null,
    structures: list<Structure>(b.structures),
    hits: list<Hit>(b.hits),
    packets: list<FlowPacket>(b.packets),
    prints: list<MarkedPrint>(b.prints),
    outcomes: [...list<Outcome>(b.outcomes)].sort((x, y) => x.revision - y.revision),
    checks: list<PositionCheck>(b.checks),
    missing: list<string>(b.missing),
  };
}

export function readExplanation(body: unknown): Explanation {
  const packets = list<Loose>((body as Loose | null)?.packets);
  return {
    packets: packets.map((p) => ({ packet: String(p.packet), rules: list<Loose>(p.rules).map(readJudgement) })),
  };
}

function readJudgement(rule: Loose): Judgement {
  return {
    rule: String(rule.rule ?? ""),
    version: Number(rule.version ?? 0),
    fired: rule.fired === true,
    direction: (rule.direction as Alert["direction"] | undefined) ?? "neutral",
    confidence: typeof rule.confidence === "number" ? rule.confidence : null,
    checks: list<Check>(rule.checks),
  };
}

export interface NearMiss {
  readonly judgement: Judgement;
  readonly failed: readonly Check[];
}

/** Rules that did not fire, those that failed the fewest required checks first. */
export function nearMisses(rules: readonly Judgement[]): NearMiss[] {
  return rules
    .filter((rule) => !rule.fired)
    .map((judgement) => ({ judgement, failed: judgement.checks.filter((c) => !c.passed && c.required !== false) }))
    .sort((a, b) => a.failed.length - b.failed.length);
}

/** How far the observed value lies beyond its threshold, as text; null where a distance means nothing. */
export function margin(check: Check): string | null {
  const { observed, threshold } = check;
  if (typeof observed !== "number" || typeof threshold !== "number") return null;
  const room = check.comparison.startsWith("<") ? threshold - observed : observed - threshold;
  if (threshold === 0) return null;
  const times = observed / threshold;
  if (!check.comparison.startsWith("<") && times >= 2) return `${times.toFixed(1)}×`;
  const share = Math.round((room / Math.abs(threshold)) * 100);
  return `${share < 0 ? "−" : "+"}${Math.abs(share)} %`;
}
