import { describe, expect, it, vi } from "vitest";
import { Connection } from "./connection";
import { hello, quiet, Socket } from "./fakeSocket";

function start() {
  vi.useFakeTimers();
  Socket.all = [];
  const seen: string[] = [];
  const restarted = vi.fn();
  const expired = vi.fn();
  const connection = new Connection("ws://x/ws", quiet, Socket.make);
  connection.subscribe("flow.alerts", null, 200, {
    events: (events) => seen.push(...events.map((e) => e.id ?? "")),
    skipped: () => undefined,
    expired,
    restarted,
  });
  connection.start();
  return { connection, seen, restarted, expired, last: Socket.last };
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
    last().frame(hello({ run: "r2" }));
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

  const again = (last: () => Socket, value: unknown) => {
    last().close();
    vi.advanceTimersByTime(300);
    last().frame(value);
  };

  it("begins anew when the run was made anew under its name, and does not guess where no generation is told", () => {
    const { last, restarted, connection } = start();
    last().frame(hello({ generation: "g1" }));
    const sub = last().sent[0]!.sub;
    last().frame({ sub, topic: "flow.alerts", partition: 0, first: 0, next: 5, events: [] });
    again(last, hello({ generation: "g1" }));
    again(last, hello());
    expect(restarted).not.toHaveBeenCalled();
    expect(last().sent[0]).toMatchObject({ from: { 0: 5 } });
    again(last, hello({ generation: "g2" }));
    expect(restarted).toHaveBeenCalledOnce();
    expect(last().sent[0]).toMatchObject({ from: null, snapshot: 200 });
    again(last, hello({ generation: "g2" }));
    expect(restarted).toHaveBeenCalledOnce();
    connection.stop();
  });

  it("drops what is held once when a log is made anew, however many partitions say so", () => {
    const { last, restarted, expired, connection } = start();
    last().frame(hello());
    const sub = last().sent[0]!.sub;
    const data = (partition: number, first: number, next: number) =>
      last().frame({ sub, topic: "flow.alerts", partition, first, next, events: [{ id: `${partition}`, ts: 1 }] });
    const gone = (partition: number, next: number) => last().frame({ sub, partition, expired: { next } });
    data(0, 50, 51);
    data(1, 50, 51);
    gone(0, 0);
    data(0, 0, 2);
    gone(1, 0);
    gone(2, 0);
    data(1, 0, 1);
    expect(restarted).toHaveBeenCalledOnce();
    expect(expired).not.toHaveBeenCalled();
    // Once told, a partition may lose its oldest records, and the log may be made anew again.
    gone(1, 9);
    expect(expired).toHaveBeenCalledOnce();
    gone(0, 0);
    expect(restarted).toHaveBeenCalledTimes(2);
    connection.stop();
  });
});
