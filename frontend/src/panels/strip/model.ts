/** The severity strip's model: what the last half hour of alerts looks like, in fractions of the strip. */
import type { Alert } from "../../domain/events";
import type { Row } from "../../feed/rows";

export interface StripMark {
  readonly id: string;
  /** 0 at the left edge, 1 now. */
  readonly x: number;
  readonly lane: "up" | "down" | "middle";
  readonly colour: "buy" | "sell" | "mixed" | "none";
  readonly level: 1 | 2 | 3;
}

const LEVEL = { low: 1, medium: 2, high: 3 } as const;
const LANE = {
  bullish: ["up", "buy"],
  bearish: ["down", "sell"],
  mixed: ["middle", "mixed"],
  neutral: ["middle", "none"],
} as const;

export function marksOf(rows: readonly Row<Alert>[], now: number, spanNs: number): StripMark[] {
  const marks: StripMark[] = [];
  for (let i = rows.length - 1; i >= 0; i--) {
    const row = rows[i];
    if (!row || row.ts < now - spanNs) break;
    if (row.kind !== "event") continue;
    const { direction, severity, withdrawn } = row.event;
    // A withdrawn alert claims nothing any more.
    const [lane, colour] = LANE[withdrawn ? "neutral" : direction];
    const level = LEVEL[withdrawn ? "low" : severity];
    marks.push({ id: row.id, x: 1 - (now - row.ts) / spanNs, lane, colour, level });
  }
  return marks;
}

/** The mark nearest to a place on the strip, null beyond `reach`. */
export function nearest(marks: readonly StripMark[], x: number, lane: "up" | "down", reach: number): StripMark | null {
  let best: StripMark | null = null;
  let least = reach;
  for (const mark of marks) {
    const away = Math.abs(mark.x - x) + (mark.lane === lane || mark.lane === "middle" ? 0 : reach / 2);
    if (away < least) [best, least] = [mark, away];
  }
  return best;
}
