/** One row of the table: an event, a line between days, or a place where rows are missing. */
import type { MouseEvent } from "react";
import { memo } from "react";
import { whole } from "../domain/numbers";
import { clock, dayName } from "../domain/time";
import type { GapRow } from "../feed/rows";
import type { Column } from "./columns";
import css from "./Grid.module.css";
import type { Marks } from "./marks";
import type { ViewRow } from "./view";

interface RowProps<E> {
  id: string;
  index: number;
  row: ViewRow<E>;
  /** The row's event and state beside it: rows are replaced in place, and this is what changes then. */
  event: E | null;
  state: GapRow["state"] | null;
  columns: readonly Column<E>[];
  template: string;
  top: number;
  active: boolean;
  marked: boolean;
  opened: boolean;
  anchor: string | null;
  strong: ((event: E) => boolean) | undefined;
  onMarks: (marks: Marks) => void;
  onOpen: (id: string) => void;
  onFill: ((gap: GapRow) => void) | undefined;
}

function PlainRow<E>(props: RowProps<E>) {
  const { row, columns, top } = props;
  const style = { transform: `translateY(${top}px)`, gridTemplateColumns: props.template };
  if (row.kind === "day") {
    return (
      <div className={`${css.row} ${css.line} ${css.day}`} style={{ ...style, display: "flex" }} role="row">
        before this line: {dayName(row.day)}
      </div>
    );
  }
  if (row.kind === "gap") return <GapLine {...props} gap={row} />;
  const event = row.event;
  const classes = [
    css.row,
    props.marked && css.marked,
    props.active && css.active,
    props.opened && css.opened,
    props.strong?.(event) && css.strong,
  ];
  const onMouseDown = (e: MouseEvent) => {
    if (e.button !== 0) return;
    if (e.shiftKey && props.anchor) {
      e.preventDefault();
      props.onMarks({ active: row.id, anchor: props.anchor });
    } else props.onMarks({ active: row.id, anchor: row.id });
  };
  return (
    <div
      id={props.id}
      className={classes.filter(Boolean).join(" ")}
      style={style}
      role="row"
      aria-rowindex={props.index + 1}
      aria-selected={props.marked}
      data-id={row.id}
      onMouseDown={onMouseDown}
      onClick={(e) => !e.shiftKey && props.onOpen(row.id)}
    >
      {columns.map((c) => (
        <div key={c.id} role="gridcell" className={`${css.cell} ${c.align ? css[c.align] : ""}`}>
          {c.cell(event)}
        </div>
      ))}
    </div>
  );
}

const WHY = {
  skipped: "this connection was too slow for them",
  expired: "the log no longer holds them; the archive may",
  overflow: "more waited than this page keeps",
} as const;

function GapLine<E>({ gap, top, onFill }: RowProps<E> & { gap: GapRow }) {
  const count = gap.count === null ? "Rows" : whole(gap.count);
  const span = gap.to === null ? `after ${clock(gap.from)}` : `between ${clock(gap.from)} and ${clock(gap.to)}`;
  return (
    <div
      className={`${css.row} ${css.line} ${css.gap}`}
      style={{ transform: `translateY(${top}px)`, display: "flex" }}
      role="row"
    >
      <span>
        {count} missing {span}: {WHY[gap.why]}.
      </span>
      {gap.state === "loading" ? (
        <span>fetching…</span>
      ) : (
        <button type="button" onClick={() => onFill?.(gap)}>
          {gap.state === "failed" ? "The archive did not answer. Try again" : "Fetch them"}
        </button>
      )}
    </div>
  );
}

export const GridRow = memo(PlainRow) as typeof PlainRow;
