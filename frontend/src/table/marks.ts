/** The marked row and range of a table, by id, so that they stay on their rows whatever enters above. */
import type { View } from "./view";

export interface Marks {
  readonly active: string | null;
  readonly anchor: string | null;
}

export const NO_MARKS: Marks = { active: null, anchor: null };

/** First and last index of the marked range; null when nothing is marked. */
export function rangeOf<E>(view: View<E>, marks: Marks): [number, number] | null {
  if (marks.active === null) return null;
  const active = view.indexOf(marks.active);
  if (active < 0) return null;
  const anchor = marks.anchor === null || marks.anchor === marks.active ? active : view.indexOf(marks.anchor);
  return anchor < 0 ? [active, active] : [Math.min(active, anchor), Math.max(active, anchor)];
}

/** The index to mark when going from `here` to `to`: inside the list, past a day's line; -1 when there is none. */
export function stepOf<E>(view: View<E>, to: number, here: number): number {
  const at = Math.min(Math.max(to, 0), view.length - 1);
  if (view.at(at)?.kind !== "day") return at;
  const past = at + (to < here ? -1 : 1);
  return past >= 0 && past < view.length ? past : here;
}
