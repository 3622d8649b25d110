import { describe, expect, it } from "vitest";
import { Rows } from "./rows";

interface E {
  id: string;
  ts: number;
  revision?: number;
}

const make = (shown = 5, waiting = 10, history = 15) =>
  new Rows<E>({ shown, waiting, history }, { id: (e) => e.id, revision: (e) => e.revision ?? 0, ts: (e) => e.ts });
const ids = (rows: Rows<E>) => rows.shown.map((row) => row.id);
const at = (...times: number[]) => times.map((ts) => ({ id: `e${ts}`, ts }));

describe("rows", () => {
  it("holds new rows back until they are let in, then orders them by event time", () => {
    const rows = make();
    rows.push(at(3, 1), false);
    expect(ids(rows)).toEqual([]);
    expect(rows.waiting).toBe(2);
    rows.flush();
    rows.push(at(2), false);
    rows.flush();
    expect(ids(rows)).toEqual(["e1", "e2", "e3"]);
  });

  it("shows an id once, whatever is sent again", () => {
    const rows = make();
    rows.push(at(1, 2), false);
    rows.push(at(1), false);
    rows.flush();
    rows.push(at(2), false);
    rows.insert(at(1, 2));
    rows.flush();
    expect(ids(rows)).toEqual(["e1", "e2"]);
  });

  it("replaces an older revision in place and never a newer one", () => {
    const rows = make();
    rows.push([{ id: "a", ts: 1, revision: 1 }, ...at(2)], false);
    rows.flush();
    rows.push([{ id: "a", ts: 1, revision: 3 }], false);
    rows.push([{ id: "a", ts: 1, revision: 2 }], false);
    expect(ids(rows)).toEqual(["a", "e2"]);
    expect(rows.find("a")?.event.revision).toBe(3);
    expect(rows.waiting).toBe(0);
  });

  it("moves a row to the time that its newest revision shows, in the next flush and not before", () => {
    const rows = make();
    rows.push([{ id: "a", ts: 1 }, ...at(2, 4)], false);
    rows.flush();
    rows.push([{ id: "a", ts: 5, revision: 2 }], false);
    rows.push([{ id: "a", ts: 3, revision: 1 }], false);
    expect(ids(rows)).toEqual(["a", "e2", "e4"]);
    expect(rows.find("a")?.event.ts).toBe(1);
    expect(rows.waiting).toBe(1);
    rows.push([{ id: "a", ts: 3, revision: 3 }], false);
    expect(rows.waiting).toBe(1);
    rows.push([{ id: "e2", ts: 2, revision: 1 }], false);
    expect(rows.find("e2")?.event.revision).toBe(1);
    expect(rows.flush()).toBe(true);
    expect(ids(rows)).toEqual(["e2", "a", "e4"]);
    expect(rows.shown.map((row) => row.ts)).toEqual([2, 3, 4]);
    expect(rows.waiting).toBe(0);
  });

  it("drops what would move a row once a later revision lets it stay", () => {
    const rows = make();
    rows.push([{ id: "a", ts: 1 }, ...at(2)], false);
    rows.flush();
    rows.push([{ id: "a", ts: 3, revision: 1 }], false);
    rows.push([{ id: "a", ts: 1, revision: 2 }], false);
    rows.flush();
    expect(ids(rows)).toEqual(["a", "e2"]);
    expect(rows.find("a")?.revision).toBe(2);
  });

  it("places a row that still waits by the time it shows when it enters", () => {
    const rows = make();
    rows.push([{ id: "a", ts: 1 }, ...at(2)], false);
    rows.push([{ id: "a", ts: 3, revision: 1 }], false);
    rows.flush();
    expect(ids(rows)).toEqual(["e2", "a"]);
    expect(rows.shown.map((row) => row.ts)).toEqual([2, 3]);
  });

  it("keeps revisions back while frozen and applies the last of them on resume", () => {
    const rows = make();
    rows.push([{ id: "a", ts: 1 }], false);
    rows.flush();
    rows.push([{ id: "a", ts: 2, revision: 2 }], true);
    rows.push([{ id: "a", ts: 3, revision: 1 }], true);
    expect(rows.find("a")?.event.ts).toBe(1);
    expect(rows.flush()).toBe(true);
    expect(rows.find("a")?.event.ts).toBe(2);
  });

  it("forgets the oldest beyond its limit, and their ids with them", () => {
    const rows = make();
    rows.push(at(1, 2, 3, 4, 5, 6, 7), false);
    rows.flush();
    expect(ids(rows)).toEqual(["e3", "e4", "e5", "e6", "e7"]);
    expect(rows.find("e1")).toBeUndefined();
  });

  it("turns what waits beyond the bound into one gap that says how many and when", () => {
    const rows = make(50, 10);
    rows.push(at(...Array.from({ length: 25 }, (_, i) => i + 1)), true);
    expect(rows.waiting).toBe(25);
    rows.flush();
    expect(rows.waiting).toBe(0);
    const gap = rows.shown[0];
    expect(gap).toMatchObject({ kind: "gap", why: "overflow", count: 16, from: 1, to: 16 });
    expect(ids(rows).slice(1)).toEqual(["e17", "e18", "e19", "e20", "e21", "e22", "e23", "e24", "e25"]);
  });

  it("fills a gap without touching what waits", () => {
    const rows = make(50);
    rows.push(at(1, 9), false);
    rows.flush();
    const gap = rows.addGap("skipped", 2, 1, 9);
    rows.flush();
    rows.push(at(10), false);
    expect(rows.insert(at(1, 4, 5, 9))).toBe(2);
    rows.closeGap(gap);
    expect(ids(rows)).toEqual(["e1", "e4", "e5", "e9"]);
    expect(rows.waiting).toBe(1);
  });
});
