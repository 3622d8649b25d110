/** The one table: virtual rows of 22 px, heads, a marked row or range, keys, and copying as tab-separated values. */
import { useVirtualizer } from "@tanstack/react-virtual";
import type { ReactNode } from "react";
import { useEffect, useId, useRef } from "react";
import type { GapRow } from "../feed/rows";
import type { Column } from "./columns";
import { leastWidth, tracks } from "./columns";
import { gapWords } from "./gapWords";
import css from "./Grid.module.css";
import { GridRow } from "./GridRow";
import { gridKeys } from "./gridKeys";
import type { Marks } from "./marks";
import { rangeOf } from "./marks";
import type { View } from "./view";

export const ROW_HEIGHT = 22;
/** A row's padding and the scroll bar's room, px. */
const BESIDE = 28;

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

interface HeadsProps<E> {
  columns: readonly Column<E>[];
  template: string;
  least: number;
}

function Heads<E>({ columns, template, least }: HeadsProps<E>) {
  return (
    <div className={css.head} role="row" style={{ gridTemplateColumns: template, minWidth: least }}>
      {columns.map((c) => (
        <div key={c.id} role="columnheader" title={c.about} className={`${css.cell} ${c.align ? css[c.align] : ""}`}>
          {c.head}
        </div>
      ))}
    </div>
  );
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
  const least = leastWidth(columns) + BESIDE;
  const activeIndex = marks.active === null ? -1 : view.indexOf(marks.active);
  const range = rangeOf(view, marks);
  const pageRows = () => Math.max(1, Math.floor((scroller.current?.clientHeight ?? 220) / ROW_HEIGHT) - 1);
  const show = (index: number) => virtual.scrollToIndex(index);
  const { onKeyDown, onCopy } = gridKeys({
    columns,
    view,
    marks,
    onMarks,
    onOpen,
    onFill: props.onFill,
    pageRows,
    show,
  });

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
      <Heads columns={columns} template={template} least={least} />
      <div
        ref={scroller}
        className={css.scroll}
        style={{ minWidth: least }}
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
                told={row.kind === "gap" ? gapWords(row) : null}
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
