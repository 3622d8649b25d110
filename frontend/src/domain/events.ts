/** The events as the terminal reads them: the generated wire types; a field left out on the wire has its default. */
import type {
  Alert,
  EquityPrint,
  FlowPacket,
  Hit,
  MarkedPrint,
  OptionPrint,
  Outcome,
  PositionCheck,
  Structure,
  Topics,
} from "../gen/types";

export type {
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
} from "../gen/types";

export type ScreenTopic = "flow.alerts" | "flow.packets" | "options.marked" | "options.prints" | "equities.prints";
export type EventOf<T extends keyof Topics> = Topics[T];
export type ScreenEvent = Alert | FlowPacket | MarkedPrint | OptionPrint | EquityPrint;
export type EvidenceEvent = ScreenEvent | Hit | Structure | Outcome | PositionCheck;

export type SideName = "buy" | "sell" | "none";

export function idOf(event: { id?: string | undefined }): string {
  return event.id ?? "";
}

export function revisionOf(event: object): number {
  return (event as { revision?: number }).revision ?? 0;
}

/** The ticker that keys the event on the bus: the underlying, or the equity's own symbol; null where it names none. */
export function tickerOf(event: object): string | null {
  const e = event as { underlying?: string; symbol?: string };
  return e.underlying ?? e.symbol ?? null;
}

/** Whether a topic's events name their ticker. A print as it arrives names its contract: SPXW is of SPX, BRKB of BRK.B. */
export function namesTicker(topic: ScreenTopic): boolean {
  return topic !== "options.prints";
}

export function sideOfDirection(direction: Alert["direction"]): SideName | "mixed" {
  if (direction === "bullish") return "buy";
  if (direction === "bearish") return "sell";
  return direction === "mixed" ? "mixed" : "none";
}

/** The side of a packet by its counted size; "mixed" when neither has four fifths of it, "none" when none is counted. */
export function sideOfPacket(packet: FlowPacket): SideName | "mixed" {
  const { buy_size: buy, sell_size: sell } = packet;
  if (buy + sell === 0) return "none";
  if (buy >= 4 * sell) return "buy";
  return sell >= 4 * buy ? "sell" : "mixed";
}
