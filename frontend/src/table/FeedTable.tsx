/** A feed in a table: it follows the market unless the pointer, the focus, the scroll position or the pause hold it. */
import type { ReactNode } from "react";
import { useCallback, useEffect, useMemo, useState } from "react";
import { useStore } from "zustand";
import { link, select, ui } from "../app/session";
import type { ScreenEvent } from "../domain/events";
import type { Feed } from "../feed/feed";
import type { GapRow } from "../feed/rows";
import type { Column } from "./columns";
import { Grid } from "./Grid";
import type { Marks } from "./marks";
import { NO_MARKS } from "./marks";
import { viewOf } from "./view";

export interface FeedTableProps<E extends ScreenEvent> {
  readonly feed: Feed<E>;
  readonly label: string;
  readonly panel: string;
  readonly columns: readonly Column<E>[];
  readonly passes?: ((event: E) => boolean) | null;
  readonly strong?: (event: E) => boolean;
  /** What to say when there is nothing to show although all is well. */
  readonly empty: ReactNode;
}

export function FeedTable<E extends ScreenEvent>({ feed, passes = null, ...props }: FeedTableProps<E>) {
  const version = useStore(feed.store, (s) => s.version);
  const older = useStore(feed.store, (s) => s.older);
  const phase = useStore(feed.store, (s) => s.phase);
  const open = useStore(link, (s) => s.everOpen);
  const opened = useStore(ui, (s) => (s.selected?.topic === feed.topic ? s.selected.id : null));
  const [marks, setMarks] = useState<Marks>(NO_MARKS);
  // `version` stands for the rows' content, which changes in place.
  // eslint-disable-next-line react-hooks/exhaustive-deps
  const view = useMemo(() => viewOf(feed.rows.shown, passes), [feed, version, passes]);

  useEffect(() => feed.hold("focus", marks.active !== null), [feed, marks.active]);
  useEffect(() => () => (["focus", "pointer", "scroll"] as const).forEach((hold) => feed.hold(hold, false)), [feed]);

  const onOpen = useCallback((id: string) => select({ topic: feed.topic, id }), [feed]);
  const onScroll = useCallback(
    (top: number, nearEnd: boolean) => {
      feed.hold("scroll", top > 4);
      if (nearEnd) void feed.loadOlder();
    },
    [feed],
  );
  const onPointer = useCallback((inside: boolean) => feed.hold("pointer", inside), [feed]);
  const onFill = useCallback((gap: GapRow) => void feed.fill(gap), [feed]);
  const note =
    view.length > 0
      ? null
      : !open
        ? "Waiting for the gateway…"
        : phase === "loading"
          ? "Loading the newest rows…"
          : props.empty;
  return (
    <Grid
      label={props.label}
      panel={props.panel}
      columns={props.columns}
      view={view}
      marks={marks}
      onMarks={setMarks}
      opened={opened}
      onOpen={onOpen}
      strong={props.strong}
      note={note}
      footer={view.length > 40 ? <Older state={older} retry={() => void feed.loadOlder()} /> : undefined}
      onScroll={onScroll}
      onPointer={onPointer}
      onFill={onFill}
    />
  );
}

function Older({ state, retry }: { state: string; retry: () => void }) {
  if (state === "loading") return <>Fetching older rows…</>;
  if (state === "end") return <>The archive holds nothing older.</>;
  if (state === "full") return <>This page keeps no more rows. A narrower filter reaches further back.</>;
  if (state === "failed")
    return (
      <>
        The archive did not answer.{" "}
        <button type="button" onClick={retry}>
          Try again
        </button>
      </>
    );
  return (
    <button type="button" onClick={retry}>
      Older rows
    </button>
  );
}
