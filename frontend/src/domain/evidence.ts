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
import { contractName } from "./contract";
import { whole } from "./numbers";

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
  /** The order, packet or structure that it judged. */
  readonly about: string;
  readonly fired: boolean;
  readonly direction: Alert["direction"];
  readonly confidence: number | null;
  readonly checks: readonly Check[];
}

/** What the rules say of one packet; parents that a structure holds are judged there, not here. */
export interface Judged {
  readonly packet: string;
  readonly inStructures: readonly string[];
  readonly rules: readonly Judgement[];
}

export interface Explanation {
  readonly packets: readonly Judged[];
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
    packets: packets.map((p) => ({
      packet: String(p.packet),
      inStructures: list<string>(p.in_structures),
      rules: list<Loose>(p.rules).map(readJudgement),
    })),
  };
}

function readJudgement(rule: Loose): Judgement {
  return {
    rule: String(rule.rule ?? ""),
    version: Number(rule.version ?? 0),
    about: String(rule.about ?? ""),
    fired: rule.fired === true,
    direction: (rule.direction as Alert["direction"] | undefined) ?? "neutral",
    confidence: typeof rule.confidence === "number" ? rule.confidence : null,
    checks: list<Check>(rule.checks),
  };
}

export interface NearMiss {
  readonly judgement: Judgement;
  readonly failed: readonly Check[];
  /** Of which order it is, where a rule judged several: contract, side and size; empty where there is but one. */
  readonly of: string;
}

/** Rules that did not fire, those that failed the fewest required checks first. */
export function nearMisses(judged: readonly Judged[], packets: readonly FlowPacket[] = []): NearMiss[] {
  const several = judged.length > 1;
  return judged
    .flatMap((each) => {
      const packet = packets.find((one) => one.id === each.packet);
      return each.rules
        .filter((rule) => !rule.fired)
        .map((judgement) => ({
          judgement,
          failed: judgement.checks.filter((c) => !c.passed && c.required !== false),
          of: [several && packet ? contractName(packet.contract) : "", orderName(judgement, each, packet)]
            .filter(Boolean)
            .join(", "),
        }));
    })
    .sort((a, b) => isOther(a) - isOther(b) || a.failed.length - b.failed.length);
}

/** 1 where a rule is about something else: a put is not nearly a call, nor a spread nearly a box. */
function isOther({ failed }: NearMiss): number {
  return Number(failed.some(({ name }) => name === "right" || name === "kind"));
}

const SIDES = { buy: "bought", sell: "sold", none: "of unknown side" } as const;

/** Parents of one side are judged as one order, by the name of one of them. */
function orderName(judgement: Judgement, judged: Judged, packet: FlowPacket | undefined): string {
  const alike = judged.rules.filter((rule) => rule.rule === judgement.rule);
  if (alike.length < 2) return "";
  const free = (packet?.parents ?? []).filter((parent) => !judged.inStructures.includes(parent.id));
  const side = free.find((parent) => parent.id === judgement.about)?.side;
  if (side === undefined) return `order ${alike.indexOf(judgement) + 1} of ${alike.length}`;
  const size = free.reduce((sum, parent) => sum + (parent.side === side ? parent.size : 0), 0);
  return `${whole(size)} ${SIDES[side]}`;
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
