/** The model of the member prints' picture: places in a box, from times, prices and quotes. */
import type { MarkedPrint, SideName } from "../../domain/events";

export interface Dot {
  readonly id: string;
  readonly x: number;
  readonly y: number;
  /** Half the side of its glyph, px; its area grows with size. */
  readonly r: number;
  readonly side: SideName;
  readonly print: MarkedPrint;
}

export interface Timeline {
  readonly dots: readonly Dot[];
  /** Outlines of the quote band, one polygon per unbroken run of quotes. */
  readonly bands: readonly string[];
  readonly low: number;
  readonly high: number;
  readonly startNs: number;
  readonly spanMs: number;
  readonly ticks: readonly { readonly y: number; readonly price: number }[];
}

export interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

const LEAST_R = 3;
const MOST_R = 8;

export function timelineOf(prints: readonly MarkedPrint[], box: Box): Timeline | null {
  const sorted = [...prints].sort((a, b) => a.ts - b.ts);
  const first = sorted[0];
  const last = sorted[sorted.length - 1];
  if (!first || !last) return null;
  const quotes = sorted.flatMap((p) => (hasQuote(p) ? [p.bid, p.ask] : []));
  const prices = [...sorted.map((p) => p.price), ...quotes];
  const pad = Math.max((Math.max(...prices) - Math.min(...prices)) * 0.12, 0.005);
  const low = Math.min(...prices) - pad;
  const high = Math.max(...prices) + pad;
  const span = Math.max(last.ts - first.ts, 1e6);
  const xOf = (ts: number) => box.left + ((ts - first.ts) / span) * (box.right - box.left);
  const yOf = (price: number) => box.bottom - ((price - low) / (high - low)) * (box.bottom - box.top);
  const most = Math.max(...sorted.map((p) => p.size));
  const dots = sorted.map((print) => ({
    id: print.id,
    x: sorted.length === 1 ? (box.left + box.right) / 2 : xOf(print.ts),
    y: yOf(print.price),
    r: LEAST_R + (MOST_R - LEAST_R) * Math.sqrt(print.size / most),
    side: print.side ?? "none",
    print,
  }));
  const levels = quotes.length
    ? [Math.min(...quotes), Math.max(...quotes)]
    : [Math.min(...prices), Math.max(...prices)];
  return {
    dots,
    bands: bandsOf(sorted, xOf, yOf, box),
    low,
    high,
    startNs: first.ts,
    spanMs: (last.ts - first.ts) / 1e6,
    ticks: [...new Set(levels)].map((price) => ({ y: yOf(price), price })),
  };
}

type Quoted = MarkedPrint & { bid: number; ask: number };

function hasQuote(print: MarkedPrint): print is Quoted {
  return typeof print.bid === "number" && typeof print.ask === "number";
}

/** A quote stands from its print to the next: steps, never slopes. */
function bandsOf(
  prints: readonly MarkedPrint[],
  xOf: (ts: number) => number,
  yOf: (p: number) => number,
  box: Box,
): string[] {
  const bands: string[] = [];
  let upper: string[] = [];
  let lower: string[] = [];
  const close = () => {
    if (upper.length) bands.push([...upper, ...lower.reverse()].join(" "));
    [upper, lower] = [[], []];
  };
  prints.forEach((print, i) => {
    if (!hasQuote(print)) return close();
    const next = prints[i + 1];
    const from = i === 0 ? box.left - 8 : xOf(print.ts);
    const to = next ? xOf(next.ts) : box.right + 8;
    upper.push(`${from.toFixed(1)},${yOf(print.ask).toFixed(1)}`, `${to.toFixed(1)},${yOf(print.ask).toFixed(1)}`);
    lower.push(`${from.toFixed(1)},${yOf(print.bid).toFixed(1)}`, `${to.toFixed(1)},${yOf(print.bid).toFixed(1)}`);
  });
  close();
  return bands;
}
