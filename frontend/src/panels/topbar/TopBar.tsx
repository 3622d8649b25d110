/** The top bar: what the data set is, the filter, New York event time, lag, rate, connection, pause. */
import { useEffect, useState } from "react";
import { useStore } from "zustand";
import { link, retryNow, setHelp, togglePause, ui, waitingNow } from "../../app/session";
import { whole } from "../../domain/numbers";
import { clockMs, dayName, dayOf } from "../../domain/time";
import { Filter } from "./Filter";
import css from "./TopBar.module.css";

/** A status older than this shows its age instead of being believed. */
const STALE_MS = 3_000;

function useNow(every: number): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), every);
    return () => clearInterval(timer);
  }, [every]);
  return now;
}

const ABOUT = {
  live: "Events as the market makes them",
  delayed: "Events behind the market by the vendor's delay",
  synthetic: "A simulated market: nothing here was traded",
  historical: "A recorded span",
  replay: "A recorded span, played again",
} as const;

function DataSet() {
  const hello = useStore(link, (s) => s.hello);
  if (!hello) return null;
  return (
    <span className={css.mark} data-testid="dataset" title={`${ABOUT[hello.clock]}. Data set: ${hello.dataset}`}>
      {hello.clock.toUpperCase()}
    </span>
  );
}

/** How long ago the gateway last spoke, ms, once what it said is no longer to be believed; null while it is. */
function useStale(): number | null {
  const at = useStore(link, (s) => s.statusAt);
  const open = useStore(link, (s) => s.connection === "open");
  const age = useNow(1_000) - at;
  return at > 0 && (!open || age > STALE_MS) ? Math.max(age, 0) : null;
}

function ago(ms: number): string {
  return `as of ${Math.round(ms / 1000)} s ago`;
}

function EventTime() {
  const stale = useStale();
  const ts = useStore(link, (s) => s.newestTs);
  const clock = useStore(link, (s) => s.hello?.clock);
  if (ts === 0) return null;
  const kind = clock === "synthetic" ? "simulated" : clock === "historical" || clock === "replay" ? "recorded" : "";
  return (
    <span
      className={`${css.stat} ${stale === null ? "" : css.stale}`}
      title={`newest event, ${dayName(dayOf(ts))}, New York${stale === null ? "" : `; ${ago(stale)}`}`}
      data-testid="clock"
    >
      <b>{clockMs(ts)}</b> NY {stale === null ? kind : "stale"}
    </span>
  );
}

function Flow() {
  const status = useStore(link, (s) => s.status);
  const stale = useStale();
  const recorded = useStore(link, (s) => s.hello?.clock === "historical");
  if (!status) return null;
  const rate = Object.entries(status.rates).reduce((sum, [topic, n]) => sum + (topic.endsWith(".quotes") ? 0 : n), 0);
  return (
    <>
      {!status.feed && !recorded && (
        <span className={css.fault} title="No event and no heartbeat comes from the feed">
          feed silent
        </span>
      )}
      {!status.archive && (
        <span className={css.fault} title="Live goes on; history and evidence wait for the archive">
          archive down
        </span>
      )}
      <span
        className={`${css.stat} ${css.lag} ${stale === null ? "" : css.stale}`}
        title="how far the marks are behind the prints, in event time"
      >
        lag{" "}
        <b>
          {stale !== null
            ? `stale ${Math.round(stale / 1000)} s`
            : status.lag_ms === null
              ? "–"
              : `${whole(status.lag_ms)} ms`}
        </b>
      </span>
      <span
        className={`${css.stat} ${css.rate} ${stale === null ? "" : css.stale}`}
        title={`events of all topics, quotes left out${stale === null ? "" : `; ${ago(stale)}`}`}
      >
        <b>{whole(rate)}</b>/s{stale === null ? "" : " stale"}
      </span>
    </>
  );
}

function Link() {
  const state = useStore(link, (s) => s.connection);
  const retryAt = useStore(link, (s) => s.retryAt);
  const now = useNow(500);
  if (state === "open")
    return (
      <span className={css.stat} data-testid="connection">
        <i className={css.dot} /> connected
      </span>
    );
  const seconds = retryAt === null ? 0 : Math.max(0, Math.ceil((retryAt - now) / 1000));
  return (
    <button
      type="button"
      className={css.fault}
      data-testid="connection"
      onClick={retryNow}
      title="What is shown stays; on return nothing is missed. Press to try now."
    >
      <i className={css.dot} /> disconnected, {state === "waiting" && seconds > 0 ? `again in ${seconds} s` : "trying"}
    </button>
  );
}

function Pause() {
  const paused = useStore(ui, (s) => s.paused);
  useNow(250);
  if (!paused)
    return (
      <button type="button" className={css.quiet} onClick={togglePause} title="Space pauses">
        pause <kbd>space</kbd>
      </button>
    );
  return (
    <button
      type="button"
      className={css.paused}
      data-testid="paused"
      onClick={togglePause}
      title="Space goes on; what waits enters. What a list no longer keeps, scrolling down fetches from the archive."
    >
      paused · {whole(waitingNow())} waiting
    </button>
  );
}

export function TopBar() {
  return (
    <header className={css.bar}>
      <span className={css.name}>Undertow</span>
      <DataSet />
      <Filter />
      <span className={css.push} />
      <Pause />
      <EventTime />
      <Flow />
      <Link />
      <button type="button" className={css.quiet} onClick={() => setHelp(true)}>
        help <kbd>?</kbd>
      </button>
    </header>
  );
}
