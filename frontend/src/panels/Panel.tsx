/** The frame of a list panel: its head, its tabs, and the counter of what waits. */
import type { ReactNode } from "react";
import { useStore } from "zustand";
import { whole } from "../domain/numbers";
import type { Feed, Hold } from "../feed/feed";
import css from "./Panel.module.css";

const WHY: Record<Hold, string> = {
  paused: "paused",
  pointer: "the pointer is on the list",
  focus: "a row is marked",
  scroll: "the list is scrolled",
};

/** New rows wait while something holds the list; pressing lets them in. */
function Waiting({ feed }: { feed: Feed }) {
  const waiting = useStore(feed.store, (s) => s.waiting);
  const holds = useStore(feed.store, (s) => s.holds);
  if (waiting === 0 || holds.size === 0) return null;
  const why = [...holds].map((hold) => WHY[hold]).join(", ");
  return (
    <button
      type="button"
      className={css.waiting}
      title={`They wait because ${why}. Press to let them in.`}
      onClick={() => feed.release()}
    >
      {whole(waiting)} new
    </button>
  );
}

export function Panel({
  title,
  hint,
  feed,
  tabs,
  choices,
  children,
}: {
  title: string;
  hint: string;
  feed: Feed;
  tabs?: ReactNode;
  /** What can be asked of this list alone. */
  choices?: ReactNode;
  children: ReactNode;
}) {
  return (
    <section className={css.panel} aria-label={title}>
      <header className={css.head}>
        {tabs ?? <h2>{title}</h2>}
        <span className={css.key}>{hint}</span>
        {choices}
        <Waiting feed={feed} />
      </header>
      <div className={css.body}>{children}</div>
    </section>
  );
}

export const panelStyles = css;
