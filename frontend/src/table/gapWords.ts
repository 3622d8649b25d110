/** What a gap's line says: how many rows are missing, where, and why. */
import { whole } from "../domain/numbers";
import { clock } from "../domain/time";
import type { GapRow } from "../feed/rows";

const WHY = {
  skipped: "this connection was too slow for them",
  expired: "the log no longer holds them; the archive may",
  overflow: "more waited than this page keeps",
} as const;

function span({ from, to }: GapRow): string {
  if (from === 0) return to ? `before ${clock(to)}` : "before the first row";
  return to === null ? `after ${clock(from)}` : `between ${clock(from)} and ${clock(to)}`;
}

export function gapWords(gap: GapRow): string {
  return `${gap.count === null ? "Rows" : whole(gap.count)} missing ${span(gap)}: ${WHY[gap.why]}.`;
}
