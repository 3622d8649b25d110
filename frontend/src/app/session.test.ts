import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { hello, Socket } from "../feed/fakeSocket";

const T = 1_768_000_000e9;
const DAY = 86_400e9;

beforeEach(() => {
  vi.useFakeTimers();
  vi.resetModules();
  Socket.all = [];
  const globals = {
    location: { protocol: "http:", host: "x", search: "", hash: "", pathname: "/" },
    localStorage: { getItem: () => null, setItem: () => undefined },
    history: { replaceState: () => undefined },
    document: { hidden: false, documentElement: { dataset: {} } },
    addEventListener: () => undefined,
    requestAnimationFrame: (frame: (now: number) => void) => setTimeout(() => frame(performance.now()), 16),
    WebSocket: Socket,
    fetch: () => Promise.resolve({ ok: true, json: () => Promise.resolve({ events: [], next: null }) }),
  };
  for (const [name, value] of Object.entries(globals)) vi.stubGlobal(name, value);
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

async function start() {
  const session = await import("./session");
  session.start();
  const frame = (value: unknown) => {
    Socket.last().frame(value);
    return vi.advanceTimersByTimeAsync(200);
  };
  const status = (ts: number) => frame({ status: { now: "1", event_time: String(ts), rates: {} } });
  const sub = () => Socket.last().sent.find((op) => op.topic === "flow.alerts")?.sub;
  const alert = (id: string, ts: number, first: number) =>
    frame({
      sub: sub(),
      topic: "flow.alerts",
      partition: 0,
      first,
      next: first + 1,
      events: [{ id, ts, revision: 0, underlying: "SPY" }],
    });
  const anew = () => frame({ sub: sub(), partition: 0, expired: { next: 0 } });
  const clock = () => session.link.getState().newestTs;
  return { ...session, frame, status, alert, anew, clock, feed: session.feeds["flow.alerts"] };
}

it("starts over with another data set behind the same address: rows, history and clock", async () => {
  const { frame, status, alert, clock, feed } = await start();
  await frame(hello({ dataset: "friday" }));
  await status(T);
  await alert("al:1", T, 0);
  await feed.loadOlder();
  expect([clock(), feed.store.getState().older]).toEqual([T, "end"]);
  Socket.last().close();
  await vi.advanceTimersByTimeAsync(400);
  await frame(hello({ dataset: "monday" }));
  expect([clock(), feed.store.getState().older]).toEqual([0, "idle"]);
  await status(T - 4 * DAY);
  await alert("al:2", T - 4 * DAY, 0);
  expect(clock()).toBe(T - 4 * DAY);
  expect(feed.rows.shown.map((row) => row.id)).toEqual(["al:2"]);
});

it("lets the clock go back with a log that is made anew, once the gateway says where the market is", async () => {
  const { frame, status, alert, anew, clock } = await start();
  await frame(hello());
  await status(T);
  await alert("al:1", T, 5);
  await anew();
  // A run made anew tells of the morning while the market is where it was.
  await alert("al:2", T - DAY, 0);
  expect(clock()).toBe(T);
  await status(T - DAY);
  expect(clock()).toBe(T - DAY);
});
