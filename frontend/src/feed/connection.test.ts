import { describe, expect, it, vi } from "vitest";
import { Connection } from "./connection";

class Socket {
  static all: Socket[] = [];
  readyState = 1;
  sent: Record<string, unknown>[] = [];
  onmessage: ((m: { data: string }) => void) | null = null;
  onclose: (() => void) | null = null;
  onerror: (() => void) | null = null;
  constructor() {
    Socket.all.push(this);
  }
  send(text: string) {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }
  close() {
    this.readyState = 3;
    this.onclose?.();
  }
  frame(value: unknown) {
    this.onmessage?.({ data: JSON.stringify(value) });
  }
}

const hello = (run = "r1") => ({ hello: { dataset: "d", clock: "synthetic", partitions: 2, run } });
const noop = () => undefined;

function start() {
  vi.useFakeTimers();
  Socket.all = [];
  const seen: string[] = [];
  const restarted = vi.fn();
  const connection = new Connection(
    "ws://x/ws",
    { state: noop, hello: noop, status: noop, refused: noop },
    () => new Socket() as unknown as WebSocket,
  );
  connection.subscribe("flow.alerts", null, 200, {
    events: (events) => seen.push(...events.map((e) => e.id ?? "")),
    skipped: noop,
    expired: noop,
    restarted,
  });
  connection.start();
  return { connection, seen, restarted, last: () => Socket.all.at(-1)! };
}

describe("connection", () => {
  it("asks for a snapshot first and resumes every partition from its cursor after a loss", () => {
    const { seen, last, connection } = start();
    last().frame(hello());
    expect(last().sent[0]).toMatchObject({ op: "subscribe", snapshot: 200, from: null });
    const sub = last().sent[0]!.sub;
    last().frame({ sub, topic: "flow.alerts", partition: 0, first: 3, next: 5, events: [{ id: "a", ts: 1 }] });
    last().frame({ sub, topic: "flow.alerts", partition: 1, first: 0, next: 9, events: [] });
    last().close();
    vi.advanceTimersByTime(300);
    last().frame(hello());
    expect(last().sent[0]).toMatchObject({ from: { 0: 5, 1: 9 }, snapshot: 0 });
    expect(seen).toEqual(["a"]);
    connection.stop();
  });

  it("begins anew when the gateway serves another run", () => {
    const { last, restarted, connection } = start();
    last().frame(hello());
    const sub = last().sent[0]!.sub;
    last().frame({ sub, topic: "flow.alerts", partition: 0, first: 0, next: 5, events: [] });
    last().close();
    vi.advanceTimersByTime(300);
    last().frame(hello("r2"));
    expect(restarted).toHaveBeenCalledOnce();
    expect(last().sent[0]).toMatchObject({ from: null, snapshot: 200 });
    connection.stop();
  });

  it("takes a silent gateway for dead and waits longer each time", () => {
    const { last, connection } = start();
    last().frame(hello());
    vi.advanceTimersByTime(7_000);
    expect(Socket.all.length).toBeGreaterThan(1);
    const before = Socket.all.length;
    last().close();
    vi.advanceTimersByTime(400);
    expect(Socket.all.length).toBe(before);
    connection.stop();
  });
});
