import { describe, expect, it } from "vitest";
import type { Alert, MarkedPrint } from "../../domain/events";
import { held, mistake, revisionOf } from "./load";

const PRINT = "synthetic:options.prints:KO261218C00062500:1795789816545310000:7";

describe("a link", () => {
  it("that can name nothing is told from one that the archive may not hold yet", () => {
    expect(mistake({ topic: "flow.alerts", id: `al:pk:${PRINT}` })).toBeNull();
    expect(mistake({ topic: "options.marked", id: PRINT })).toBeNull();
    expect(mistake({ topic: "flow.alerts", id: "al:nonsense" })).toContain("al:nonsense is no id");
    expect(mistake({ topic: "flow.alerts", id: PRINT })).toContain("is no id");
    expect(mistake({ topic: "foo", id: `al:pk:${PRINT}` })).toContain("topic that is not here: foo");
  });
});

it("shows of a row that is being fetched what the row holds, and nothing else", () => {
  const alert = { id: "al:1" } as Alert;
  expect(held("flow.alerts", alert)).toMatchObject({ alert, hits: [], packets: [], prints: [] });
  const print = { id: PRINT } as MarkedPrint;
  expect(held("options.marked", print)).toMatchObject({ alert: null, prints: [print], raw: null });
});

it("knows which telling of an event a row holds", () => {
  expect(revisionOf({ id: "al:1", revision: 3 } as Alert)).toBe(3);
  expect(revisionOf({ id: PRINT } as MarkedPrint)).toBe(0);
  expect(revisionOf(undefined)).toBe(0);
});
