/** The one table: virtual rows of 22 px, heads, a marked row or range, keys, and copying as tab-separated values. */
import { useVirtualizer } from "@tanstack/react-virtual";
import type { ClipboardEvent, KeyboardEvent, ReactNode } from "react";
import { useCallback, useEffect, useId, useRef } from "react";
import type { GapRow } from "../feed/rows";
import type { Column } from "./columns";
import { tracks, tsv } from "./columns";
import css from "./Grid.module.css";
import { GridRow } from "./GridRow";
import type { Marks } from "./marks";
import { rangeOf, stepOf } from "./marks";
import type { View } from "./view";

export const ROW_HEIGHT = 22;

export interface GridProps<E> {
  readonly label: string;
  readonly panel?: string;
  readonly columns: readonly Column<E>[];
  readonly view: View<E>;
  readonly marks: Marks;
  readonly onMarks: (marks: Marks) => void;
  readonly opened: string | null;
  readonly onOpen: (id: string) => void;
  readonly strong?: (event: E) => boolean;
  readonly note?: ReactNode;
  readonly footer?: ReactNode;
  readonly onScroll?: (scrollTop: number, nearEnd: boolean) => void;
  readonly onPointer?: (inside: boolean) => void;
  readonly onFill?: (gap: GapRow) => void;
}

export function Grid<E>(props: GridProps<E>) {
  const { label, columns, view, marks, onMarks, opened, onOpen } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const base = useId();
  const count = view.length + (props.footer ? 1 : 0);
  const virtual = useVirtualizer({
    count,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: 6,
  });
  const template = tracks(columns);
  const activeIndex = marks.active === null ? -1 : view.indexOf(marks.active);
  const range = rangeOf(view, marks);

  const move = useCallback(
    (to: number, extend: boolean) => {
      const next = stepOf(view, to);
      if (next < 0) return;
      const id = view.at(next)?.id ?? null;
      onMarks({ active: id, anchor: extend ? (marks.anchor ?? marks.active ?? id) : id });
      virtual.scrollToIndex(next);
    },
    [view, marks, onMarks, virtual],
  );

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 220) / ROW_HEIGHT) - 1);
    const here = activeIndex;
    const goal = {
      ArrowDown: here + 1,
      ArrowUp: Math.max(here - 1, 0),
      PageDown: Math.min(here + page, view.length - 1),
      PageUp: Math.max(here - page, 0),
      Home: 0,
      End: view.length - 1,
    }[event.key];
    if (goal !== undefined) move(goal, event.shiftKey);
    else if (event.key === "Enter" && marks.active) onOpen(marks.active);
    else return;
    event.preventDefault();
  };

  const onCopy = (event: ClipboardEvent) => {
    if (String(getSelection() ?? "") !== "" || range === null) return;
    const events: E[] = [];
    for (let i = range[0]; i <= range[1]; i++) {
      const row = view.at(i);
      if (row?.kind === "event") events.push(row.event);
    }
    if (events.length === 0) return;
    event.clipboardData.setData("text/plain", tsv(columns, events));
    event.preventDefault();
  };

  useEffect(() => {
    if (props.footer === undefined && activeIndex >= 0) virtual.scrollToIndex(activeIndex);
    // Only a short list without history brings its marked row into sight by itself.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [opened]);

  return (
    <div
      className={css.grid}
      role="grid"
      aria-label={label}
      aria-rowcount={view.length}
      aria-multiselectable
      tabIndex={0}
      data-panel={props.panel}
      aria-activedescendant={activeIndex >= 0 ? `${base}-${activeIndex}` : undefined}
      onKeyDown={onKeyDown}
      onCopy={onCopy}
      onBlur={() => onMarks({ active: null, anchor: null })}
    >
      <div className={css.head} role="row" style={{ gridTemplateColumns: template }}>
        {columns.map((c) => (
          <div key={c.id} role="columnheader" title={c.about} className={`${css.cell} ${c.align ? css[c.align] : ""}`}>
            {c.head}
          </div>
        ))}
      </div>
      <div
        ref={scroller}
        className={css.scroll}
        role="rowgroup"
        onScroll={(e) => {
          const { scrollTop, scrollHeight, clientHeight } = e.currentTarget;
          props.onScroll?.(scrollTop, scrollTop > 0 && scrollHeight - clientHeight - scrollTop < 10 * ROW_HEIGHT);
        }}
        onPointerEnter={(e) => e.pointerType === "mouse" && props.onPointer?.(true)}
        onPointerLeave={() => props.onPointer?.(false)}
      >
        <div className={css.body} style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((item) => {
            const row = view.at(item.index);
            const style = { transform: `translateY(${item.start}px)`, gridTemplateColumns: template };
            if (!row)
              return (
                <div key="footer" className={`${css.row} ${css.line}`} style={{ ...style, display: "flex" }}>
                  {props.footer}
                </div>
              );
            return (
              <GridRow
                key={item.index}
                id={`${base}-${item.index}`}
                index={item.index}
                row={row}
                columns={columns}
                template={template}
                top={item.start}
                event={row.kind === "event" ? row.event : null}
                state={row.kind === "gap" ? row.state : null}
                active={item.index === activeIndex}
                marked={range !== null && item.index >= range[0] && item.index <= range[1]}
                opened={row.id === opened}
                strong={props.strong}
                onMarks={onMarks}
                onOpen={onOpen}
                onFill={props.onFill}
                anchor={marks.anchor}
              />
            );
          })}
        </div>
      </div>
      {props.note && (
        <div className={css.note} role="status">
          {props.note}
        </div>
      )}
    </div>
  );
}
