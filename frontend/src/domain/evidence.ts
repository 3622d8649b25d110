/** What an event rests on, as the gateway gives it: the alert, its hits, their packets, their prints with quotes. */
import type { Alert, Check, EquityPrint, FlowPacket, Hit, MarkedPrint, OptionPrint } from "./events";

export interface Evidence {
  readonly alert: Alert | null;
  readonly hits: readonly Hit[];
  readonly packets: readonly FlowPacket[];
  readonly prints: readonly MarkedPrint[];
  /** The raw print, when the evidence is of one that no flow has marked. */
  readonly raw: OptionPrint | EquityPrint | null;
  /** Ids that were asked for and could not be found. */
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
  readonly rules: readonly Judgement[];
}

type Loose = Record<string, unknown>;

function list<T>(value: unknown): readonly T[] {
  return Array.isArray(value) ? (value as T[]) : [];
}

/** Reads the gateway's answer; a part it leaves out is empty. */
export function readEvidence(body: unknown): Evidence {
  const b = (body ?? {}) as Loose;
  return {
    alert: (b.alert as Alert | null | undefined) ?? null,
    hits: list<Hit>(b.hits),
    packets: list<FlowPacket>(b.packets),
    prints: list<MarkedPrint>(b.prints ?? b.marked),
    raw: (b.raw as OptionPrint | null | undefined) ?? null,
    missing: list<string>(b.missing),
  };
}

export function readExplanation(body: unknown): Explanation {
  const rules = list<Loose>((body as Loose | null)?.rules);
  return {
    rules: rules.map((rule) => ({
      rule: String(rule.rule ?? rule.id ?? ""),
      version: Number(rule.version ?? 0),
      fired: rule.fired === true,
      direction: (rule.direction as Alert["direction"] | undefined) ?? "neutral",
      confidence: typeof rule.confidence === "number" ? rule.confidence : null,
      checks: list<Check>(rule.checks),
    })),
  };
}

/** Rules that did not fire, those that failed the fewest required checks first. */
export function nearMisses(explanation: Explanation): { judgement: Judgement; failed: readonly Check[] }[] {
  return explanation.rules
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
