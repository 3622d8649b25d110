import { describe, expect, it } from "vitest";
import { readPlace, readTickers, tickerFault, writePlace } from "../app/url";
import type { EventRow } from "../feed/rows";
import { timelineOf } from "../panels/evidence/timeline";
import type { Column } from "./columns";
import { tsv } from "./columns";
import { rangeOf, stepOf } from "./marks";
import { viewOf } from "./view";

const day = 86_400e9;
const noon = Date.parse("2026-01-14T17:00:00Z") * 1e6;
const row = (id: string, ts: number): EventRow<{ id: string }> => ({
  kind: "event",
  id,
  ts,
  revision: 0,
  shown: true,
  event: { id },
});
const rows = [row("a", noon), row("b", noon + 1e9), row("c", noon + day)];

describe("view", () => {
  it("is newest first with a line between days", () => {
    const view = viewOf(rows, null);
    expect([0, 1, 2, 3].map((i) => view.at(i)?.kind)).toEqual(["event", "day", "event", "event"]);
    expect(view.at(0)?.id).toBe("c");
    expect(view.indexOf("a")).toBe(3);
  });
  it("leaves out what does not pass", () => {
    expect(viewOf(rows, (e) => e.id === "b").length).toBe(1);
  });
});

describe("marks", () => {
  const view = viewOf(rows, null);
  it("cover a range in either direction and forget a row that is gone", () => {
    expect(rangeOf(view, { active: "a", anchor: "c" })).toEqual([0, 3]);
    expect(rangeOf(view, { active: "gone", anchor: null })).toBeNull();
  });
  it("step over a day's line and stay inside the list", () => {
    expect([stepOf(view, 1), stepOf(view, 99), stepOf(view, -5)]).toEqual([2, 3, 0]);
  });
});

it("copies rows under their heads, with nothing that would break a line", () => {
  const columns: Column<{ id: string }>[] = [
    { id: "id", head: "", width: "1px", cell: () => null, text: (e) => e.id },
    { id: "x", head: "", width: "1px", cell: () => null, text: () => "a\tb\nc" },
  ];
  expect(tsv(columns, [{ id: "1" }])).toBe("id\tx\n1\ta b c");
});

describe("address", () => {
  it("holds filter and opened row and reads them back", () => {
    const place = {
      tickers: ["SPY", "BRK.B"],
      minPremium: 50_000,
      selected: { topic: "flow.alerts", id: "al:pk:synthetic:x%2Fy:1:2" },
    };
    const text = writePlace(place);
    expect(text).toBe("?t=SPY,BRK.B&min=50000#/flow.alerts/al:pk:synthetic:x%252Fy:1:2");
    const url = new URL(text, "http://x/");
    expect(readPlace(url.search, url.hash)).toEqual(place);
  });
  it("refuses what is no ticker and survives a broken hash", () => {
    expect(readTickers("spy, nvda")).toEqual(["SPY", "NVDA"]);
    expect(readTickers("spy; <b>")).toBeNull();
    expect(tickerFault("spy; <b>")).toBe("“<B>” is no ticker.");
    const many = Array.from({ length: 21 }, (_, i) => `T${i}`).join(" ");
    expect([readTickers(many), tickerFault(many)]).toEqual([null, "21 tickers are more than 20."]);
    expect(readPlace("?min=-3&t=@", "#/flow.alerts/%E0%A4%A")).toEqual({ tickers: [], minPremium: 0, selected: null });
  });
});

it("draws one band per unbroken run of quotes and every print inside the box", () => {
  const print = (ts: number, price: number, quoted: boolean) => ({
    id: `${ts}`,
    ts,
    order_ts: ts,
    contract: "",
    underlying: "",
    price,
    size: 1,
    source: "",
    placement: "ask" as const,
    ...(quoted ? { bid: 1, ask: 2 } : {}),
  });
  const line = timelineOf([print(3e9, 2, true), print(1e9, 1, true), print(2e9, 5, false)], {
    left: 0,
    right: 100,
    top: 0,
    bottom: 50,
  });
  expect(line?.bands.length).toBe(2);
  for (const dot of line?.dots ?? []) {
    expect(dot.x).toBeGreaterThanOrEqual(0);
    expect(dot.x).toBeLessThanOrEqual(100);
    expect(dot.y).toBeGreaterThan(0);
    expect(dot.y).toBeLessThan(50);
  }
});
