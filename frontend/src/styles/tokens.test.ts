import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const css = readFileSync(new URL("./tokens.css", import.meta.url), "utf8");

function tokens(theme: string): Record<string, string> {
  const block = new RegExp(`\\[data-theme="${theme}"\\] \\{([^}]*)\\}`).exec(css)?.[1] ?? "";
  return Object.fromEntries([...block.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6})\b/g)].map((m) => [m[1]!, m[2]!]));
}

function luminance(hex: string): number {
  const part = (at: number) => {
    const c = parseInt(hex.slice(at, at + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5);
}

function contrast(a: string, b: string): number {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

const GROUNDS = ["bg", "panel", "raised", "row-hover", "row-active"];
const TINTS = ["buy-full", "buy-medium", "buy-faint", "sell-full", "sell-medium", "sell-faint", "fault-tint", "band"];
const MARKS = ["mark-live", "mark-synthetic", "mark-delayed", "mark-replay", "mark-historical"];
const TEXT = [
  ...[...GROUNDS, ...TINTS].map((ground) => ["text", ground]),
  ...GROUNDS.map((ground) => ["muted", ground]),
  ...["bg", "panel", "raised", "row-hover"].map((ground) => ["accent", ground]),
  ...["bg", "panel", "fault-tint"].map((ground) => ["fault", ground]),
  ...["buy", "sell", "mixed"].map((colour) => [colour, "panel"]),
  ...MARKS.map((mark) => ["mark-ink", mark]),
];
const SHAPES = [
  ...["buy", "sell", "mixed", "none", "accent"].flatMap((mark) => GROUNDS.map((ground) => [mark, ground])),
  ...["buy-full", "buy-medium", "buy-faint", "band"].map((tint) => ["buy", tint]),
  ...["sell-full", "sell-medium", "sell-faint", "band"].map((tint) => ["sell", tint]),
  ...MARKS.map((mark) => [mark, "bg"]),
];

describe.each(["dark", "light"])("%s theme", (theme) => {
  const t = tokens(theme);
  it.each(TEXT)("text %s on %s has at least 4.5:1", (ink, ground) => {
    expect(contrast(t[ink!]!, t[ground!]!)).toBeGreaterThanOrEqual(4.5);
  });
  it.each(SHAPES)("mark %s on %s has at least 3:1", (mark, ground) => {
    expect(contrast(t[mark!]!, t[ground!]!)).toBeGreaterThanOrEqual(3);
  });
});

it("both themes have the same tokens", () => {
  expect(Object.keys(tokens("light"))).toEqual(Object.keys(tokens("dark")));
});
