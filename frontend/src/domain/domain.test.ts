import { describe, expect, it } from "vitest";
import { contractOf, daysToExpiry } from "./contract";
import { margin, nearMisses } from "./evidence";
import type { FlowPacket } from "./events";
import { placeOf } from "./ids";
import { counted, exactMoney, money, price, readMoney, signed, typedMoney } from "./numbers";
import { statedOnce } from "./sentences";
import { clockMs, dayOf, nsText } from "./time";

const at = (iso: string) => Date.parse(iso) * 1e6;

describe("time", () => {
  it("is New York's, winter and summer, across both changes of the clock", () => {
    expect(clockMs(at("2026-01-16T19:31:07.250Z"))).toBe("14:31:07.250");
    expect(clockMs(at("2026-07-16T19:31:07.250Z"))).toBe("15:31:07.250");
    expect(clockMs(at("2026-03-08T06:59:59.999Z"))).toBe("01:59:59.999");
    expect(clockMs(at("2026-03-08T07:00:00.000Z"))).toBe("03:00:00.000");
    expect(clockMs(at("2026-11-01T06:00:00.000Z"))).toBe("01:00:00.000");
  });
  it("changes its day at New York's midnight", () => {
    expect(dayOf(at("2026-01-17T04:59:59Z")) + 1).toBe(dayOf(at("2026-01-17T05:00:00Z")));
  });
  it("writes nanoseconds as a whole number with its margin", () => {
    expect(nsText(1768401030425015000, -1)).toBe("1768401030424015040");
  });
});

describe("contract", () => {
  it("reads as professionals write it, with days on New York's calendar", () => {
    expect(contractOf("NVDA260116C00450000")?.name).toBe("NVDA 16 Jan 26 450 C");
    expect(contractOf("SPXW260116P06712500")?.name).toBe("SPXW 16 Jan 26 6712.5 P");
    expect(contractOf("not one")).toBeNull();
    expect(daysToExpiry("NVDA260116C00450000", at("2026-01-16T03:00:00Z"))).toBe(1);
  });
});

describe("numbers", () => {
  it("writes premium with one decimal and never rounds something to nothing or past its unit", () => {
    expect([412_480, 999_949, 999_950, 1_250_000, 12, 0].map(money)).toEqual([
      "$412.5k",
      "$999.9k",
      "$1.0M",
      "$1.3M",
      "<$0.1k",
      "$0.0k",
    ]);
    expect(exactMoney(412480.5)).toBe("$412,480.50");
  });
  it("puts the sign of what is owed before the dollar", () => {
    expect([-8_500_000, -4_020, 1_500].map(money)).toEqual(["−$8.5M", "−$4.0k", "$1.5k"]);
    expect(exactMoney(-8_500_000.5)).toBe("−$8,500,000.50");
  });
  it("shows the decimals that a price has", () => {
    expect([price(1.1), price(38.2353)]).toEqual(["1.10", "38.2353"]);
    expect([signed(-0.04), signed(1.26), signed(-2)]).toEqual(["0.0", "+1.3", "−2.0"]);
  });
  it("writes an amount so that it reads back as itself", () => {
    const amounts = [25, 49.5, 50_000, 412_480, 1_200_000, 1_234_567, 2_500_000_000, 0.1];
    expect(amounts.map((n) => readMoney(typedMoney(n)))).toEqual(amounts);
    expect([25, 50_000, 100_000, 412_480, 1_200_000].map(typedMoney)).toEqual(["25", "50k", "100k", "412480", "1.2M"]);
  });
  it("reads money as people type it", () => {
    expect(["50k", "$1.2M", "40,000", "k", "", "5 apples"].map(readMoney)).toEqual([
      50_000,
      1_200_000,
      40_000,
      null,
      null,
      null,
    ]);
  });
});

describe("checks", () => {
  const check = (observed: number | string | null, threshold: number | string, passed = true) => ({
    name: "x",
    observed,
    comparison: ">=" as const,
    threshold,
    passed,
    required: true,
  });
  it("says how far the observed value is from its threshold", () => {
    expect([margin(check(127_449, 10_000)), margin(check(0.82, 0.55)), margin(check(300, 400, false))]).toEqual([
      "12.7×",
      "+49 %",
      "−25 %",
    ]);
    expect([margin(check(null, 2)), margin(check("C", "C"))]).toEqual([null, null]);
  });
  const rule = (name: string, fails: number, about = "pk:1") => ({
    rule: name,
    version: 1,
    about,
    fired: false,
    direction: "neutral" as const,
    confidence: null,
    checks: Array.from({ length: 3 }, (_, i) => check(1, 2, i >= fails)),
  });
  it("lists what did not fire, nearest first", () => {
    const judged = [{ packet: "pk:1", inStructures: [], rules: [rule("far", 3), rule("near", 1)] }];
    expect(nearMisses(judged).map((m) => [m.judgement.rule, m.of])).toEqual([
      ["near", ""],
      ["far", ""],
    ]);
  });
  it("lists last what is about something else", () => {
    const put = rule("put sweep", 1);
    const failed = put.checks.map((each, i) => (i === 0 ? { ...each, name: "right" } : each));
    const judged = [{ packet: "pk:1", inStructures: [], rules: [{ ...put, checks: failed }, rule("far", 3)] }];
    expect(nearMisses(judged).map((m) => m.judgement.rule)).toEqual(["far", "put sweep"]);
  });
  it("says of which of a packet's orders it speaks when one rule judged several", () => {
    const parents = [
      { id: "pa:1", side: "buy", size: 900 },
      { id: "pa:2", side: "sell", size: 300 },
      { id: "pa:3", side: "sell", size: 100 },
      { id: "pa:4", side: "sell", size: 70 },
    ];
    const packet = { id: "pk:1", contract: "NVDA260116C00450000", parents } as unknown as FlowPacket;
    const rules = [rule("block", 1, "pa:1"), rule("block", 2, "pa:2"), rule("ladder", 3)];
    const judged = { packet: "pk:1", inStructures: ["pa:4"], rules };
    expect(nearMisses([judged], [packet]).map((m) => m.of)).toEqual(["900 bought", "400 sold", ""]);
    const leg = { packet: "pk:2", inStructures: [], rules: [rule("block", 3)] };
    expect(nearMisses([leg, judged], [packet, { ...packet, id: "pk:2" }]).map((m) => m.of)).toContain(
      "NVDA 16 Jan 26 450 C, 900 bought",
    );
  });
});

describe("sentences", () => {
  const swept = "1,480 contracts of KO 18 Dec 26 62.5 C swept in 7 prints within 106 ms for $185.3k.";
  const traded = swept.replace("swept", "traded");
  it("state an order once, with the verb that says more", () => {
    expect(statedOnce([traded, "A.", swept, "B.", "A."])).toEqual([swept, "A.", "B."]);
    expect(statedOnce([swept, traded])).toEqual([swept]);
  });
  it("stay where they speak of another order", () => {
    const other = traded.replace("1,480", "1,481");
    expect(statedOnce([swept, other])).toEqual([swept, other]);
    const sold = swept.replace("swept", "sold");
    expect(statedOnce([traded, swept, sold, traded])).toEqual([swept, sold]);
  });
  it("count one as one", () => {
    expect([counted(1, "day"), counted(0, "day"), counted(1480, "contract")]).toEqual([
      "1 day",
      "0 days",
      "1,480 contracts",
    ]);
  });
});

describe("ids", () => {
  it("say instrument and time, or that they are none", () => {
    expect(placeOf("al:st:pa:synthetic:options.prints:KO261218C00062500:1795789816545310000:7")).toEqual({
      instrument: "KO261218C00062500",
      ts: 1795789816545310000n,
    });
    expect(placeOf("synthetic:equities.prints:BRK%2FB:17:1")?.instrument).toBe("BRK/B");
    expect(placeOf("al:nonsense")).toBeNull();
  });
});
