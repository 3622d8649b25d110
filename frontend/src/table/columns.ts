/** What a table is made of: columns that draw a cell and say it as text for the clipboard. */
import type { ReactNode } from "react";

export interface Column<E> {
  readonly id: string;
  readonly head: string;
  /** What the head means, on hover; units stand here and in the head, never in cells. */
  readonly about?: string;
  /** CSS grid track: "64px" or "minmax(90px, 1fr)". */
  readonly width: string;
  readonly align?: "right" | "center";
  cell(event: E): ReactNode;
  /** Plain text for copying; exact where the cell rounds. */
  text(event: E): string;
}

export function tracks<E>(columns: readonly Column<E>[]): string {
  return columns.map((column) => column.width).join(" ");
}

/** The least width that all columns can stand in, px; narrower, the table scrolls sideways. */
export function leastWidth<E>(columns: readonly Column<E>[]): number {
  return columns.reduce((sum, column) => sum + Number(/(\d+)px/.exec(column.width)?.[1] ?? 0), 0);
}

/** Rows as tab-separated values under their heads. */
export function tsv<E>(columns: readonly Column<E>[], events: readonly E[]): string {
  const clean = (text: string) => text.replaceAll(/[\t\r\n]+/g, " ");
  const lines = [
    columns.map((column) => column.id),
    ...events.map((event) => columns.map((column) => clean(column.text(event)))),
  ];
  return lines.map((line) => line.join("\t")).join("\n");
}
