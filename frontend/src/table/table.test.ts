import type { KeyboardEvent } from "react";
import { createElement } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import { describe, expect, it } from "vitest";
import { readPlace, readTickers, tickerFault, writePlace } from "../app/url";
import type { EventRow, GapRow } from "../feed/rows";
import { timelineOf } from "../panels/evidence/timeline";
import type { Column } from "./columns";
import { tsv } from "./columns";
import { gapWords } from "./gapWords";
import { GridRow } from "./GridRow";
import { gridKeys } from "./gridKeys";
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
    expect([stepOf(view, 1, 0), stepOf(view, 99, 2), stepOf(view, -5, 2)]).toEqual([2, 3, 0]);
  });
});

describe("keys", () => {
  const gap: GapRow = {
    kind: "gap",
    id: "gap:1",
    ts: noon + 2e9,
    from: noon + 1e9,
    to: noon + 2e9,
    count: 1_200,
    why: "skipped",
    state: "open",
  };
  const view = viewOf([...rows.slice(0, 2), gap, ...rows.slice(2)], null);
  const press = (key: string, active: string) => {
    const did: string[] = [];
    const { onKeyDown } = gridKeys({
      columns: [],
      view,
      marks: { active, anchor: active },
      onMarks: (marks) => did.push(`mark ${marks.active}`),
      onOpen: (id) => did.push(`open ${id}`),
      onFill: (row) => did.push(`fill ${row.id}`),
      pageRows: () => 5,
      show: () => undefined,
    });
    onKeyDown({ key, preventDefault: () => undefined } as KeyboardEvent);
    return did;
  };
  it("cross a day's line in both directions, and come to a gap", () => {
    expect([press("ArrowDown", "c"), press("ArrowUp", "gap:1")]).toEqual([["mark gap:1"], ["mark c"]]);
    expect([press("ArrowDown", "gap:1"), press("ArrowUp", "b")]).toEqual([["mark b"], ["mark gap:1"]]);
  });
  it("open an event, fetch a gap", () => {
    expect([press("Enter", "b"), press("Enter", "gap:1"), press("Enter", "gone")]).toEqual([
      ["open b"],
      ["fill gap:1"],
      [],
    ]);
  });
  it("find a gap in the list as they find a row, and its line says what is missing", () => {
    const line = (more: Partial<GapRow>) =>
      renderToStaticMarkup(
        createElement(GridRow, {
          id: "grid-1",
          index: 1,
          row: gap,
          event: null,
          state: gap.state,
          told: gapWords({ ...gap, ...more }),
          columns: [],
          template: "",
          top: 22,
          active: true,
          marked: true,
          opened: false,
          anchor: null,
          strong: undefined,
          onMarks: () => undefined,
          onOpen: () => undefined,
          onFill: undefined,
        }),
      );
    expect(line({})).toMatch(/id="grid-1" class="[^"]*active[^"]*" role="row" aria-rowindex="2" aria-selected="true"/);
    expect(line({})).toContain("1,200 missing between 12:00:01 and 12:00:02");
    expect(line({ count: null, to: null })).toContain("Rows missing after 12:00:01");
    expect(line({ from: 0 })).toContain("1,200 missing before 12:00:02");
    expect(line({ from: 0, to: null })).toContain("1,200 missing before the first row");
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
      severity: "medium" as const,
      direction: "claimed" as const,
      selected: { topic: "flow.alerts", id: "al:pk:synthetic:x%2Fy:1:2" },
    };
    const text = writePlace(place);
    expect(text).toBe("?t=SPY,BRK.B&min=50000&sev=medium&dir=claimed#/flow.alerts/al:pk:synthetic:x%252Fy:1:2");
    const url = new URL(text, "http://x/");
    expect(readPlace(url.search, url.hash)).toEqual(place);
  });
  it("refuses what is no ticker and survives a broken hash", () => {
    expect(readTickers("spy, nvda")).toEqual(["SPY", "NVDA"]);
    expect(readTickers("spy; <b>")).toBeNull();
    expect(tickerFault("spy; <b>")).toBe("“<B>” is no ticker.");
    const many = Array.from({ length: 21 }, (_, i) => `T${i}`).join(" ");
    expect([readTickers(many), tickerFault(many)]).toEqual([null, "21 tickers are more than 20."]);
    expect(readPlace("?min=-3&t=@", "#/flow.alerts/%E0%A4%A")).toEqual({
      tickers: [],
      minPremium: 0,
      severity: "low",
      direction: "any",
      selected: null,
    });
    expect(readPlace("?sev=loud&dir=up", "")).toMatchObject({ severity: "low", direction: "any" });
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
