/** Finds what a row rests on: alerts and packets by the gateway's evidence, prints by their own time and instrument. */
import type { Selected } from "../../app/url";
import type {
  Alert,
  EquityPrint,
  FlowPacket,
  MarkedPrint,
  OptionPrint,
  ScreenEvent,
  ScreenTopic,
} from "../../domain/events";
import type { Evidence, Explanation } from "../../domain/evidence";
import { NO_EVIDENCE } from "../../domain/evidence";
import { isGathered, placeOf } from "../../domain/ids";
import type { Query } from "../../feed/rest";
import { fetchEvidence, fetchExplanation, fetchPage, RestError } from "../../feed/rest";

export interface Found {
  readonly evidence: Evidence;
  readonly explanation: Explanation | null;
}

const LONGEST_WINDOW_NS = 2_000_000_000n;
const MS_NS = 1_000_000n;

/** Topics whose evidence the gateway gathers. */
const GATHERED = ["flow.alerts", "flow.packets", "flow.hits", "flow.structures"];
const PRINTS = ["options.marked", "options.prints", "equities.prints"];

export function isPrintTopic(topic: string): boolean {
  return PRINTS.includes(topic);
}

/** Why a link names nothing that could be, now or later; null when it may name something. */
export function mistake({ topic, id }: Selected): string | null {
  if (![...GATHERED, ...PRINTS].includes(topic)) return `This link names a topic that is not here: ${topic}.`;
  const named = isPrintTopic(topic) ? placeOf(id) !== null : isGathered(id);
  return named ? null : `This link names no row: ${id.slice(0, 80)} is no id.`;
}

/** Which telling of an event it is; 0 of one that is told once. */
export function revisionOf(event: ScreenEvent | null | undefined): number {
  return (event && "revision" in event ? event.revision : 0) ?? 0;
}

/** What a row holds of its evidence by itself, shown until the rest is fetched. */
export function held(topic: string, event: ScreenEvent): Evidence {
  if (topic === "flow.alerts") return { ...NO_EVIDENCE, alert: event as Alert };
  if (topic === "flow.packets") return { ...NO_EVIDENCE, packets: [event as FlowPacket] };
  if (topic === "options.marked") return { ...NO_EVIDENCE, prints: [event as MarkedPrint] };
  return { ...NO_EVIDENCE, raw: event as OptionPrint | EquityPrint };
}

export async function load(topic: string, id: string, signal: AbortSignal): Promise<Found> {
  if (GATHERED.includes(topic)) {
    const [evidence, explanation] = await Promise.all([
      fetchEvidence(id, signal),
      fetchExplanation(id, signal).catch(() => null),
    ]);
    return { evidence, explanation };
  }
  return { evidence: await ofPrint(topic, id, signal), explanation: null };
}

async function ofPrint(topic: string, id: string, signal: AbortSignal): Promise<Evidence> {
  const place = placeOf(id);
  if (!place) throw new RestError(400, "This link names no print.");
  const at = { from: String(place.ts - MS_NS), to: String(place.ts + MS_NS), limit: 1000 };
  if (topic === "equities.prints") {
    const page = await fetchPage(topic, { ...at, symbol: place.instrument });
    return alone(page.events.find((event) => event.id === id) as EquityPrint | undefined);
  }
  const contract = place.instrument;
  const near = { from: at.from, to: String(place.ts + LONGEST_WINDOW_NS), contract, limit: 100 };
  const [marked, packets] = await Promise.all([
    fetchPage("options.marked", { ...at, contract }),
    fetchPage("flow.packets", near),
  ]);
  const print = marked.events.find((event) => event.id === id) as MarkedPrint | undefined;
  if (!print) {
    const page = await fetchPage(topic as ScreenTopic, { ...at, contract });
    return alone(page.events.find((event) => event.id === id) as OptionPrint | undefined);
  }
  const holds = (packet: FlowPacket) => packet.members.includes(id);
  const of = (packets.events as FlowPacket[]).filter(holds);
  return { ...NO_EVIDENCE, prints: [print], packets: of.length > 0 ? of : await revised(near, holds, signal) };
}

/** A packet that lost a print is told again when that is known: the last telling stands minutes behind the print. */
async function revised(
  near: Query,
  holds: (packet: FlowPacket) => boolean,
  signal: AbortSignal,
): Promise<readonly FlowPacket[]> {
  const every = await fetchPage("flow.packets", { ...near, revisions: "all" });
  const first = (every.events as FlowPacket[]).find(holds);
  if (!first) return [];
  const { packets } = await fetchEvidence(first.id, signal);
  return packets.filter((packet) => packet.id === first.id);
}

function alone(raw: OptionPrint | EquityPrint | undefined): Evidence {
  if (!raw) throw new RestError(404, "The archive does not hold it yet: it is a second or two behind.");
  return { ...NO_EVIDENCE, raw };
}
