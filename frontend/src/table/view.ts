/** The rows as a list shows them: newest first, filtered, with a line between New York days. */
import { dayOf } from "../domain/time";
import type { Row } from "../feed/rows";

export interface DayRow {
  readonly kind: "day";
  readonly id: string;
  readonly day: number;
}

export type ViewRow<E> = Row<E> | DayRow;

export interface View<E> {
  readonly length: number;
  at(index: number): ViewRow<E> | undefined;
  /** Position of an id, -1 when it is not shown. */
  indexOf(id: string): number;
}

export function viewOf<E>(shown: readonly Row<E>[], passes: ((event: E) => boolean) | null): View<E> {
  const filtered = passes ? shown.filter((row) => row.kind !== "event" || passes(row.event)) : shown;
  const first = filtered[0];
  const last = filtered[filtered.length - 1];
  const rows: readonly ViewRow<E>[] =
    first && last && dayOf(first.ts) !== dayOf(last.ts) ? withDays(filtered) : filtered;
  return {
    length: rows.length,
    at: (index) => rows[rows.length - 1 - index],
    indexOf: (id) => {
      for (let i = rows.length - 1; i >= 0; i--) if (rows[i]?.id === id) return rows.length - 1 - i;
      return -1;
    },
  };
}

/** A day's line stands above its oldest row's predecessor, that is between the two days. */
function withDays<E>(rows: readonly Row<E>[]): ViewRow<E>[] {
  const out: ViewRow<E>[] = [];
  let before: number | null = null;
  for (const row of rows) {
    const day = dayOf(row.ts);
    if (before !== null && day !== before) out.push({ kind: "day", id: `day:${before}`, day: before });
    before = day;
    out.push(row);
  }
  return out;
}
