/** Finds what a row rests on: alerts and packets by the gateway's evidence, prints by their own time and instrument. */
import type { EquityPrint, FlowPacket, MarkedPrint, OptionPrint, ScreenTopic } from "../../domain/events";
import type { Evidence, Explanation } from "../../domain/evidence";
import { NO_EVIDENCE } from "../../domain/evidence";
import { fetchEvidence, fetchExplanation, fetchPage, RestError } from "../../feed/rest";

export interface Found {
  readonly evidence: Evidence;
  readonly explanation: Explanation | null;
}

const LONGEST_WINDOW_NS = 2_000_000_000n;
const MS_NS = 1_000_000n;

/** Instrument and time of a raw id `source:topic:instrument:ts:k`; null when it is none. */
export function placeOfPrint(id: string): { instrument: string; ts: bigint } | null {
  const parts = id.split(":");
  const [, , instrument, ts] = parts;
  if (parts.length < 5 || !instrument || !ts || !/^\d+$/.test(ts)) return null;
  return { instrument: decodeURIComponent(instrument), ts: BigInt(ts) };
}

export async function load(topic: string, id: string, signal: AbortSignal): Promise<Found> {
  if (["flow.alerts", "flow.packets", "flow.hits", "flow.structures"].includes(topic)) {
    const [evidence, explanation] = await Promise.all([
      fetchEvidence(id, signal),
      fetchExplanation(id, signal).catch(() => null),
    ]);
    return { evidence, explanation };
  }
  return { evidence: await ofPrint(topic, id), explanation: null };
}

async function ofPrint(topic: string, id: string): Promise<Evidence> {
  const place = placeOfPrint(id);
  if (!place) throw new RestError(404, "This link names no print.");
  const at = { from: String(place.ts - MS_NS), to: String(place.ts + MS_NS), limit: 1000 };
  if (topic === "equities.prints") {
    const page = await fetchPage(topic, { ...at, symbol: place.instrument });
    return alone(page.events.find((event) => event.id === id) as EquityPrint | undefined);
  }
  const contract = place.instrument;
  const [marked, packets] = await Promise.all([
    fetchPage("options.marked", { ...at, contract }),
    fetchPage("flow.packets", { from: at.from, to: String(place.ts + LONGEST_WINDOW_NS), contract, limit: 100 }),
  ]);
  const print = marked.events.find((event) => event.id === id) as MarkedPrint | undefined;
  if (!print) {
    const page = await fetchPage(topic as ScreenTopic, { ...at, contract });
    return alone(page.events.find((event) => event.id === id) as OptionPrint | undefined);
  }
  const of = (packets.events as FlowPacket[]).filter((packet) => packet.members.includes(id));
  return { ...NO_EVIDENCE, prints: [print], packets: of };
}

function alone(raw: OptionPrint | EquityPrint | undefined): Evidence {
  if (!raw) throw new RestError(404, "The archive does not hold it yet: it is a second or two behind.");
  return { ...NO_EVIDENCE, raw };
}
