/** What travels on the gateway's WebSocket: operations out, frames in. */
import type { ScreenEvent } from "../domain/events";

export type Cursor = Record<string, number>;

export type ClientOp =
  | {
      op: "subscribe";
      sub: string;
      topic: string;
      keys: readonly string[] | null;
      from: Cursor | null;
      snapshot: number;
    }
  | { op: "unsubscribe"; sub: string }
  | { op: "ping"; t: number };

export type DataClock = "live" | "delayed" | "historical" | "synthetic" | "replay";

export interface Hello {
  dataset: string;
  clock: DataClock;
  partitions: number;
  run?: string | null;
  /** Another one than before: the run's topics were made anew. Left out by older gateways. */
  generation?: string | null;
  version?: string;
  topics?: readonly string[];
}

/** Sent each second; nanoseconds are text. */
export interface GatewayStatus {
  now: string;
  /** Newest event time of the market; null before the first event. */
  event_time: string | null;
  promise: string | null;
  derived_promise: string | null;
  /** How far the marks are behind the prints, in event time. */
  lag_ms: number | null;
  rates: Record<string, number>;
  clients: number;
  archive: boolean;
  bus: boolean;
  feed: boolean;
}

export interface Span {
  first: number;
  next: number;
  count: number;
}

export interface DataFrame {
  sub: string;
  topic: string;
  partition: number;
  first: number;
  next: number;
  events: ScreenEvent[];
}

export interface Refusal {
  op?: string | null;
  sub?: string | null;
  message: string;
  field?: string | null;
}

export type Frame =
  | { kind: "hello"; hello: Hello }
  | { kind: "status"; status: GatewayStatus }
  | { kind: "error"; error: Refusal }
  | { kind: "data"; data: DataFrame }
  | { kind: "skipped"; sub: string; partition: number; skipped: Span }
  | { kind: "expired"; sub: string; partition: number; next: number }
  | { kind: "other" };

/** Reads one text frame; throws SyntaxError when it is not JSON. */
export function readFrame(text: string): Frame {
  const raw = JSON.parse(text) as Record<string, unknown>;
  const sub = typeof raw.sub === "string" ? raw.sub : "";
  const partition = typeof raw.partition === "number" ? raw.partition : 0;
  if (Array.isArray(raw.events)) return { kind: "data", data: raw as unknown as DataFrame };
  if (raw.status) return { kind: "status", status: raw.status as GatewayStatus };
  if (raw.skipped) return { kind: "skipped", sub, partition, skipped: raw.skipped as Span };
  if (raw.expired) return { kind: "expired", sub, partition, next: (raw.expired as { next: number }).next };
  if (raw.hello) return { kind: "hello", hello: raw.hello as Hello };
  if (raw.error) return { kind: "error", error: raw.error as Refusal };
  return { kind: "other" };
}
