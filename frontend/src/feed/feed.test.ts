import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ScreenEvent, ScreenTopic } from "../domain/events";
import { Connection } from "./connection";
import { hello, quiet, Socket } from "./fakeSocket";
import type { GapRow } from "./rows";

interface Asked {
  query: URLSearchParams;
  answer: (events: object[], next?: string | null) => Promise<unknown>;
  refuse: () => Promise<unknown>;
}

const T = 1_768_000_000e9;
const S = 1e9;
const LIMITS = { shown: 10, waiting: 20, history: 14 };
const event = (id: string, ts: number, more: object = {}) => ({ id, ts, revision: 0, underlying: "SPY", ...more });
const many = (name: string, count: number, ts: number) =>
  Array.from({ length: count }, (_, i) => event(`${name}${i}`, ts + i));

let asked: Asked[] = [];

beforeEach(() => {
  // The frame clock is of the module: each test has its own.
  vi.resetModules();
  vi.useFakeTimers();
  vi.stubGlobal("document", { hidden: false });
  vi.stubGlobal("requestAnimationFrame", (frame: (now: number) => void) =>
    setTimeout(() => frame(performance.now()), 16),
  );
  asked = [];
  vi.stubGlobal("fetch", (path: string) => {
    const query = new URL(path, "http://x").searchParams;
    return new Promise((resolve) => {
      const settle = (ok: boolean, body: object) => {
        resolve({ ok, status: ok ? 200 : 503, json: () => Promise.resolve(body) });
        return vi.advanceTimersByTimeAsync(100);
      };
      asked.push({
        query,
        answer: (events, next = null) => settle(true, { events, next }),
        refuse: () => settle(false, {}),
      });
    });
  });
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

async function start(limits = LIMITS, topic: ScreenTopic = "flow.packets") {
  const { Feed } = await import("./feed");
  Socket.all = [];
  const connection = new Connection("ws://x/ws", quiet, Socket.make);
  const feed = new Feed<ScreenEvent>(topic, connection, { fillGaps: true, limits });
  feed.follow(null);
  connection.start();
  const socket = Socket.last();
  socket.frame(hello());
  const next = [0, 0];
  const sub = () => socket.sent.filter((op) => op.op === "subscribe").at(-1)?.sub;
  const send = (events: object[], partition = 0) => {
    const first = next[partition] ?? 0;
    next[partition] = first + events.length;
    socket.frame({ sub: sub(), topic, partition, first, next: next[partition], events });
    return vi.advanceTimersByTimeAsync(100);
  };
  const skip = (count: number, partition = 0) => {
    const first = next[partition] ?? 0;
    next[partition] = first + count;
    socket.frame({ sub: sub(), partition, skipped: { first, next: next[partition], count } });
  };
  const expire = (partition: number) => socket.frame({ sub: sub(), partition, expired: { next: 0 } });
  const ids = () => feed.rows.shown.map((row) => row.id);
  const gap = () => feed.rows.shown.find((row) => row.kind === "gap") as GapRow | undefined;
  const older = () => feed.store.getState().older;
  return { feed, socket, send, skip, expire, ids, gap, older, pass: (ms: number) => vi.advanceTimersByTimeAsync(ms) };
}

/** A feed with a gap of that many between two rows of its partition, and its first question asked. */
async function gapped(count: number) {
  const it = await start({ shown: 50, waiting: 100, history: 50 });
  await it.send([event("a", T)]);
  it.skip(count);
  await it.send([event("z", T + S)]);
  expect(asked).toEqual([]);
  await it.pass(1_500);
  expect(asked.length).toBe(1);
  return it;
}

describe("a gap", () => {
  it("goes when all of its rows are there, and is asked for no sooner than the archive can have them", async () => {
    const { ids, gap } = await gapped(2);
    expect(asked[0]?.query.get("from")).toBe(String(BigInt(T) - 1_000_000n));
    await asked[0]?.answer([event("b", T + 1), event("c", T + 2), event("z", T + S)]);
    expect(gap()).toBeUndefined();
    expect(ids()).toEqual(["a", "b", "c", "z"]);
    expect(asked.length).toBe(1);
  });

  it("stays with what is still missing, is asked for again, and wider", async () => {
    const { gap, ids, pass } = await gapped(3);
    await asked[0]?.answer([event("b", T + 1)]);
    expect(gap()).toMatchObject({ count: 2, state: "loading" });
    await pass(10_000);
    expect(BigInt(asked[1]?.query.get("from") ?? 0)).toBeLessThanOrEqual(BigInt(T - S));
    expect(BigInt(asked[1]?.query.get("to") ?? 0)).toBeGreaterThanOrEqual(BigInt(T + 2 * S));
    await asked[1]?.answer([event("b", T + 1), event("late", T + 1.5 * S), event("early", T + 2)]);
    expect(gap()).toBeUndefined();
    expect(ids()).toEqual(["a", "b", "early", "z", "late"]);
  });

  it("stays in sight, to be asked for again, when the archive does not have its rows after some tries", async () => {
    const { gap, feed, pass } = await gapped(3);
    for (let i = 0; i < 10; i++) {
      await asked[i]?.answer([]);
      await pass(10_000);
    }
    expect(asked.length).toBe(3);
    expect(gap()).toMatchObject({ count: 3, state: "open" });
    void feed.fill(gap() as GapRow);
    await pass(0);
    await asked[3]?.answer(many("m", 3, T + 1));
    expect(gap()).toBeUndefined();
  });

  it("says that the archive did not answer", async () => {
    const { gap } = await gapped(3);
    await asked[0]?.refuse();
    expect(gap()).toMatchObject({ count: 3, state: "failed" });
  });

  it("stays when its pages run out, and goes on from there when asked", async () => {
    const { gap, feed, pass } = await gapped(50_000);
    for (let page = 0; page < 25; page++) await asked[page]?.answer([event(`p${page}`, T + page * 1e6)], "more");
    expect(asked.length).toBe(20);
    expect(gap()).toMatchObject({ count: 49_980, state: "open", from: T + 19e6 });
    void feed.fill(gap() as GapRow);
    await pass(0);
    expect(asked[20]?.query.get("from")).toBe(String(BigInt(T + 19e6) - 1_000_000n));
  });

  it("counts revisions, of which the archive answers with the last and a later one stands for those before it", async () => {
    const { gap, send, ids } = await gapped(5);
    await send([event("a", T, { revision: 3 })]);
    expect(gap()?.count).toBe(3);
    await asked[0]?.answer([event("b", T + 1, { revision: 2 }), event("a", T, { revision: 3 })]);
    expect(gap()).toBeUndefined();
    expect(ids()).toEqual(["a", "b", "z"]);
  });

  it("counts a revision once that waits to move its row", async () => {
    const { feed, gap, pass } = await gapped(4);
    feed.hold("pointer", true);
    const moved = [event("a", T + S / 2, { revision: 2 })];
    await asked[0]?.answer(moved);
    expect(gap()?.count).toBe(2);
    await pass(10_000);
    expect(asked.length).toBe(2);
    await asked[1]?.answer(moved);
    expect(gap()?.count).toBe(2);
  });

  it("of a partition that was quiet for long stands in the list, not below what is trimmed", async () => {
    const { send, skip, gap } = await start();
    await send([event("quiet", T)], 1);
    await send(many("e", 10, T + S));
    skip(3, 1);
    await send([event("z", T + 2 * S)], 1);
    expect(gap()).toMatchObject({ from: T, to: T + 2 * S, count: 3 });
  });

  it("before any event asks for what is newest, not for a time before time", async () => {
    const { skip, send, gap, ids, pass } = await start();
    skip(50);
    await send([event("z", T)]);
    expect(gap()).toMatchObject({ ts: T, count: 50 });
    await pass(1_500);
    expect(asked[0]?.query.get("from")).toBeNull();
    await asked[0]?.answer(many("m", 5, T - S), "more");
    expect(gap()).toBeUndefined();
    expect(ids().length).toBe(6);
  });

  it("stays through a narrower filter, no longer counted, and is asked for under that", async () => {
    const { feed, gap, ids, pass } = await gapped(3);
    feed.follow(["SPY"]);
    await asked[0]?.answer(many("other", 3, T + 1));
    expect(ids()).toEqual(["a", gap()?.id, "z"]);
    expect(gap()?.count).toBeNull();
    await pass(1_500);
    expect(asked[1]?.query.get("underlying")).toBe("SPY");
    await asked[1]?.answer([event("b", T + 1)]);
    expect(ids()).toEqual(["a", "b", "z"]);
  });

  it("that waits while the list is held stays through a narrower filter too", async () => {
    const { feed, gap, send, skip } = await start();
    await send([event("a", T)]);
    feed.hold("paused", true);
    skip(3);
    feed.follow(["SPY"]);
    expect(feed.rows.waiting).toBe(1);
    feed.release();
    expect(gap()).toMatchObject({ why: "skipped", count: null });
  });
});

describe("older rows", () => {
  it("can be asked for again once rows were trimmed, also after the end was reached", async () => {
    const { feed, send, older } = await start();
    await send([event("first", T)]);
    void feed.loadOlder();
    await asked[0]?.answer([event("first", T)]);
    expect(older()).toBe("end");
    await send(many("e", 12, T + S));
    expect(older()).toBe("idle");
  });

  it("are not asked for beyond what the page keeps, and it is said", async () => {
    const { feed, send, older, ids } = await start();
    await send(many("e", 10, T));
    void feed.loadOlder();
    await asked[0]?.answer(many("o", 6, T - S), "more");
    expect([older(), ids().length]).toEqual(["full", 14]);
    void feed.loadOlder();
    expect([older(), asked.length]).toEqual(["full", 1]);
    await send([event("new", T + S)]);
    expect(older()).toBe("idle");
  });

  it("of another filter are left out when they come late", async () => {
    const { feed, send, ids, older } = await start();
    await send([event("spy", T)]);
    void feed.loadOlder();
    feed.follow(["NVDA"]);
    await send([event("nvda", T, { underlying: "NVDA" })]);
    await asked[0]?.answer([event("spy0", T - S)]);
    expect([ids(), older()]).toEqual([["nvda"], "idle"]);
  });

  it("are not joined to a list whose old end was trimmed meanwhile", async () => {
    const { feed, send, ids } = await start();
    await send([event("first", T)]);
    void feed.loadOlder();
    await send(many("e", 12, T + S));
    await asked[0]?.answer([event("before", T - S)]);
    expect(ids()[0]).toBe("e2");
  });
});

describe("a narrower filter", () => {
  it("keeps the rows of its tickers", async () => {
    const { feed, send, ids } = await start();
    await send([event("spy", T), event("nvda", T + 1, { underlying: "NVDA" })]);
    feed.follow(["NVDA"]);
    expect(ids()).toEqual(["nvda"]);
  });

  it("begins anew where a row does not name its ticker, with nothing between that is left out", async () => {
    const { feed, send, ids } = await start(LIMITS, "options.prints");
    const print = (id: string, contract: string) => ({ id, ts: T, contract });
    await send([print("weekly", "SPXW260116C05000000"), print("monthly", "SPX260116C05000000")]);
    feed.follow(["SPX"]);
    expect(ids()).toEqual([]);
  });
});

it("keeps what came of a new log when another partition of it is told of", async () => {
  const { feed, send, expire, ids, older } = await start();
  await send([event("old0", T)]);
  await send([event("old1", T)], 1);
  void feed.loadOlder();
  await asked[0]?.answer([]);
  expect(older()).toBe("end");
  expire(0);
  expect([ids(), older()]).toEqual([[], "idle"]);
  await send([event("new0", T - 5 * S)]);
  expire(1);
  await send([event("new1", T - 4 * S)], 1);
  expect(ids()).toEqual(["new0", "new1"]);
  expect(feed.newestTs).toBe(T - 4 * S);
});
