import { describe, expect, it } from "vitest";
import type { AlertFilter, Severity } from "./alertFilter";
import { alertPasses, alertWords, SEVERITIES } from "./alertFilter";
import type { Alert } from "./events";

const ALL: AlertFilter = { minPremium: 0, severity: "low", direction: "any" };
const alert = (severity: Severity, direction: string, premium: number | null = 50_000) =>
  ({ severity, direction, premium }) as Alert;

describe("which alerts are shown", () => {
  it("is all of them while nothing is asked", () => {
    expect(alertPasses(ALL)).toBeNull();
    expect(alertWords(ALL)).toBe("");
  });

  it("goes by the least severity", () => {
    const shown = (severity: Severity) => {
      const passes = alertPasses({ ...ALL, severity });
      return SEVERITIES.filter((each) => passes?.(alert(each, "neutral")) ?? true);
    };
    expect(shown("low")).toEqual(["low", "medium", "high"]);
    expect(shown("medium")).toEqual(["medium", "high"]);
    expect(shown("high")).toEqual(["high"]);
  });

  it("goes by what is claimed; mixed and neutral claim nothing", () => {
    const shown = (direction: AlertFilter["direction"]) => {
      const passes = alertPasses({ ...ALL, direction });
      return ["bullish", "bearish", "neutral", "mixed"].filter((each) => passes?.(alert("low", each)) ?? true);
    };
    expect(shown("claimed")).toEqual(["bullish", "bearish"]);
    expect(shown("bullish")).toEqual(["bullish"]);
    expect(shown("bearish")).toEqual(["bearish"]);
  });

  it("asks all at once, and an unknown premium is none", () => {
    const passes = alertPasses({ minPremium: 40_000, severity: "medium", direction: "claimed" });
    expect(passes?.(alert("high", "bullish"))).toBe(true);
    expect(passes?.(alert("high", "bullish", 39_999))).toBe(false);
    expect(passes?.(alert("high", "bullish", null))).toBe(false);
    expect(passes?.(alert("low", "bullish"))).toBe(false);
    expect(passes?.(alert("high", "neutral"))).toBe(false);
  });

  it("is said in words where nothing is left", () => {
    expect(alertWords({ ...ALL, severity: "medium", direction: "bullish" })).toBe(
      "of medium or high severity that read as bullish",
    );
    expect(alertWords({ ...ALL, direction: "claimed" })).toBe("that claim a direction");
  });
});
