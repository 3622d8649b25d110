/** The prints a packet is made of, as rows of the tape's own columns. */
import { useMemo, useState } from "react";
import { select } from "../../app/session";
import type { MarkedPrint } from "../../domain/events";
import type { Column } from "../../table/columns";
import { Grid, ROW_HEIGHT } from "../../table/Grid";
import type { Marks } from "../../table/marks";
import { NO_MARKS } from "../../table/marks";
import { viewOf } from "../../table/view";
import { markedColumns } from "../tape/columns";
import css from "./Evidence.module.css";

/** The tape's columns that a packet's prints do not share, as narrow as they can stand. */
const WIDTHS: Record<string, string> = {
  time: "100px",
  side: "26px",
  price: "60px",
  size: "minmax(88px, 110px)",
  premium: "66px",
  quote: "minmax(112px, 140px)",
  venue: "minmax(56px, 1fr)",
};
const columns: readonly Column<MarkedPrint>[] = markedColumns.flatMap((column) => {
  const width = WIDTHS[column.id];
  return width ? [{ ...column, width }] : [];
});
const MOST_ROWS = 8;

export function Members({ prints, opened }: { prints: readonly MarkedPrint[]; opened: string | null }) {
  const [marks, setMarks] = useState<Marks>(NO_MARKS);
  const view = useMemo(() => {
    const rows = [...prints]
      .sort((a, b) => b.ts - a.ts)
      .map((event) => ({ kind: "event" as const, id: event.id, ts: event.ts, revision: 0, event, shown: true }));
    return viewOf(rows, null);
  }, [prints]);
  const height = (Math.min(prints.length, MOST_ROWS) + 1) * ROW_HEIGHT + 2;
  return (
    <div className={css.members} style={{ height }}>
      <Grid
        label="Member prints, oldest first"
        columns={columns}
        view={view}
        marks={marks}
        onMarks={setMarks}
        opened={opened}
        onOpen={(id) => select({ topic: "options.marked", id })}
      />
    </div>
  );
}
