/** A table's own keys: moving and extending the mark, opening its row or fetching its gap, copying the marked rows. */
import type { ClipboardEvent, KeyboardEvent } from "react";
import type { GapRow } from "../feed/rows";
import type { Column } from "./columns";
import { tsv } from "./columns";
import type { Marks } from "./marks";
import { rangeOf, stepOf } from "./marks";
import type { View } from "./view";

interface Keyed<E> {
  readonly columns: readonly Column<E>[];
  readonly view: View<E>;
  readonly marks: Marks;
  readonly onMarks: (marks: Marks) => void;
  readonly onOpen: (id: string) => void;
  readonly onFill?: ((gap: GapRow) => void) | undefined;
  /** Rows that a page key moves by. */
  readonly pageRows: () => number;
  /** Brings a row into sight. */
  readonly show: (index: number) => void;
}

function goalOf(key: string, here: number, page: number, length: number): number | undefined {
  switch (key) {
    case "ArrowDown":
      return here + 1;
    case "ArrowUp":
      return Math.max(here - 1, 0);
    case "PageDown":
      return Math.min(here + page, length - 1);
    case "PageUp":
      return Math.max(here - page, 0);
    case "Home":
      return 0;
    case "End":
      return length - 1;
    default:
      return undefined;
  }
}

function markedEvents<E>(view: View<E>, marks: Marks): E[] {
  const range = rangeOf(view, marks);
  const events: E[] = [];
  for (let i = range?.[0] ?? 0; range !== null && i <= range[1]; i++) {
    const row = view.at(i);
    if (row?.kind === "event") events.push(row.event);
  }
  return events;
}

export function gridKeys<E>({ columns, view, marks, onMarks, onOpen, onFill, pageRows, show }: Keyed<E>) {
  const move = (here: number, to: number, extend: boolean) => {
    const next = stepOf(view, to, here);
    if (next < 0) return;
    const id = view.at(next)?.id ?? null;
    onMarks({ active: id, anchor: extend ? (marks.anchor ?? marks.active ?? id) : id });
    show(next);
  };
  const open = (index: number) => {
    const row = view.at(index);
    if (row?.kind === "gap") onFill?.(row);
    else if (row?.kind === "event") onOpen(row.id);
  };
  return {
    onKeyDown(event: KeyboardEvent): void {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const here = marks.active === null ? -1 : view.indexOf(marks.active);
      const goal = goalOf(event.key, here, pageRows(), view.length);
      if (goal !== undefined) move(here, goal, event.shiftKey);
      else if (event.key === "Enter" && here >= 0) open(here);
      else return;
      event.preventDefault();
    },
    onCopy(event: ClipboardEvent): void {
      // Text that a person has selected is what they want.
      if (String(getSelection() ?? "") !== "") return;
      const events = markedEvents(view, marks);
      if (events.length === 0) return;
      event.clipboardData.setData("text/plain", tsv(columns, events));
      event.preventDefault();
    },
  };
}
