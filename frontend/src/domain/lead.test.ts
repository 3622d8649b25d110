import { describe, expect, it } from "vitest";
import type { Alert, Hit } from "./events";
import { inOrder, leadOf, parted } from "./lead";

const alert = (rules: string[], confidence: number, style_reasons: string[] = []) =>
  ({ rules, confidence, style_reasons }) as unknown as Alert;
const hit = (rule: string, confidence: number) => ({ id: rule, rule, confidence }) as unknown as Hit;
const reads = (rule: string, confidence: string) => `${rule} reads it as closing (${confidence}).`;

describe("the rule that leads an alert", () => {
  it("is the one whose confidence the alert carries, not the first that is named", () => {
    const rules = ["closing_unwind_likely", "unusual_contract_spike"];
    expect(leadOf(alert(rules, 0.9, [reads("closing_unwind_likely", "0.74")]))).toBe("unusual_contract_spike");
    expect(leadOf(alert(rules, 0.74, [reads("closing_unwind_likely", "0.74")]))).toBe("closing_unwind_likely");
  });
  it("is, of equals, the one that the operators take", () => {
    expect(leadOf(alert(["b", "a"], 0.9, [reads("a", "0.90"), reads("b", "0.90")]))).toBe("b");
    expect(leadOf(alert(["a", "b"], 0.875, [reads("a", "0.88"), reads("b", "0.87")]))).toBe("a");
  });
  it("is not known where the alert does not say enough", () => {
    expect(leadOf(alert(["a", "b"], 0.9, ["Premium was taken in."]))).toBeNull();
    expect(leadOf(alert(["a"], 0.9))).toBe("a");
    expect(leadOf(alert(["a", "no_follow_through"], 0.7))).toBe("a");
  });
  it("leads the evidence too, however sure a merged alert's other hits are", () => {
    const rules = ["a", "b", "c"];
    const merged = alert(rules, 0.8, [reads("a", "0.70"), reads("b", "0.80")]);
    const hits = [hit("a", 0.7), hit("b", 0.8), hit("c", 0.95)];
    expect(inOrder(hits, merged).map((h) => h.rule)).toEqual(["b", "c", "a"]);
    expect(inOrder(hits, null).map((h) => h.rule)).toEqual(["c", "b", "a"]);
  });
});

it("parts hits that stand from those that a cancelled print took back", () => {
  const [standing, takenBack] = parted([hit("a", 0.7), hit("b", 0), hit("c", 0.6)]);
  expect(standing.map((h) => h.rule)).toEqual(["a", "c"]);
  expect(takenBack.map((h) => h.rule)).toEqual(["b"]);
});
