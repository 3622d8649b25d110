/** One row of the table: an event, a line between days, or a place where rows are missing. */
import type { MouseEvent } from "react";
import { memo } from "react";
import { dayName } from "../domain/time";
import type { GapRow } from "../feed/rows";
import type { Column } from "./columns";
import css from "./Grid.module.css";
import type { Marks } from "./marks";
import type { ViewRow } from "./view";

interface RowProps<E> {
  id: string;
  index: number;
  row: ViewRow<E>;
  /** The row's event, a gap's state and words beside it: rows are changed in place, and this is what changes then. */
  event: E | null;
  state: GapRow["state"] | null;
  told: string | null;
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

/** The classes and the mark of a row that can be marked. */
function markable<E>(props: RowProps<E>, ...classes: (string | false | undefined)[]) {
  const { row } = props;
  const onMouseDown = (e: MouseEvent) => {
    if (e.button !== 0) return;
    if (e.shiftKey && props.anchor) {
      e.preventDefault();
      props.onMarks({ active: row.id, anchor: props.anchor });
    } else props.onMarks({ active: row.id, anchor: row.id });
  };
  return {
    id: props.id,
    className: [css.row, props.marked && css.marked, props.active && css.active, ...classes].filter(Boolean).join(" "),
    role: "row",
    "aria-rowindex": props.index + 1,
    "aria-selected": props.marked,
    onMouseDown,
  };
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
  return (
    <div
      {...markable(props, props.opened && css.opened, props.strong?.(event) && css.strong)}
      style={style}
      data-id={row.id}
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

function GapLine<E>(props: RowProps<E> & { gap: GapRow }) {
  const { gap, top, onFill } = props;
  return (
    <div {...markable(props, css.line, css.gap)} style={{ transform: `translateY(${top}px)`, display: "flex" }}>
      <span role="gridcell">{props.told}</span>
      <span role="gridcell">
        {props.state === "loading" ? (
          "fetching…"
        ) : (
          <button type="button" onClick={() => onFill?.(gap)}>
            {props.state === "failed" ? "The archive did not answer. Try again" : "Fetch them"}
          </button>
        )}
      </span>
    </div>
  );
}

export const GridRow = memo(PlainRow) as typeof PlainRow;
