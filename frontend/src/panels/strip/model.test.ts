import { expect, it } from "vitest";
import type { Alert } from "../../domain/events";
import type { Row } from "../../feed/rows";
import { marksOf } from "./model";

const now = 1_768_000_000e9;
const span = 1_800e9;
const row = (event: Partial<Alert>) =>
  ({
    kind: "event",
    id: "al:x",
    ts: now,
    revision: 0,
    event: { direction: "bullish", severity: "high", ...event },
  }) as Row<Alert>;

it("stands an alert in its direction's lane at its severity, a withdrawn one on the line without either", () => {
  expect(marksOf([row({})], now, span)).toMatchObject([{ lane: "up", colour: "buy", level: 3 }]);
  expect(marksOf([row({ withdrawn: true })], now, span)).toMatchObject([{ lane: "middle", colour: "none", level: 1 }]);
});
