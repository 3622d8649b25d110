/** The evidence of the selected row, down to its prints; the address holds a link to it. */
import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { useStore } from "zustand";
import { feeds, select, ui } from "../../app/session";
import type { Selected } from "../../app/url";
import { contractName } from "../../domain/contract";
import { isGathered, placeOf } from "../../domain/ids";
import { RestError } from "../../feed/rest";
import { Legend } from "../help/Legend";
import css from "./Evidence.module.css";
import { EvidenceBody } from "./EvidenceBody";
import { Facts } from "./Facts";
import type { Found } from "./load";
import { held, load, mistake, revisionOf } from "./load";

/** What is being shown, and of which asking it is: an answer to another never shows. */
type State =
  { kind: "loading" } | { kind: "found"; found: Found } | { kind: "failed"; status: number; message: string };

const LOADING: State = { kind: "loading" };
/** The archive is a second or two behind: what is not there yet is asked for again this often. */
const RETRIES = 3;
const RETRY_MS = 1_500;
/** An open alert's outcomes go on: it is asked for again this often while the page is looked at. */
const AGAIN_MS = 10_000;

const feedOf = (topic: string | undefined) => Object.values(feeds).find((feed) => feed.topic === topic);

/** Changes whenever what is open has a new revision, or may have new outcomes. */
function useNews(selected: Selected | null): string {
  const feed = feedOf(selected?.topic);
  const subscribe = useCallback((changed: () => void) => feed?.store.subscribe(changed) ?? (() => undefined), [feed]);
  const revision = useSyncExternalStore(subscribe, () => revisionOf(selected && feed?.rows.find(selected.id)?.event));
  const [beats, setBeats] = useState(0);
  const goesOn = selected?.topic === "flow.alerts";
  useEffect(() => {
    if (!goesOn) return;
    const timer = setInterval(() => document.hidden || setBeats((n) => n + 1), AGAIN_MS);
    return () => clearInterval(timer);
  }, [goesOn]);
  return `${revision} ${beats}`;
}

function useEvidence(selected: Selected | null, attempt: number): State {
  const news = useNews(selected);
  const [answer, setAnswer] = useState<{ of: Selected; attempt: number; state: State } | null>(null);
  useEffect(() => {
    if (!selected) return;
    const abort = new AbortController();
    const show = (state: State) =>
      setAnswer((before) => {
        const stands = before?.of === selected && before.attempt === attempt && before.state.kind === "found";
        // What was found stays in sight when asking again fails.
        return stands && state.kind === "failed" ? before : { of: selected, attempt, state };
      });
    const run = async (left: number): Promise<void> => {
      try {
        const found = await load(selected.topic, selected.id, abort.signal);
        if (!abort.signal.aborted) show({ kind: "found", found });
      } catch (error) {
        if (abort.signal.aborted) return;
        if (left > 0 && error instanceof RestError && error.status === 404) {
          await new Promise((done) => setTimeout(done, RETRY_MS));
          if (!abort.signal.aborted) await run(left - 1);
          return;
        }
        const [status, message] = error instanceof RestError ? [error.status, error.message] : [0, String(error)];
        show({ kind: "failed", status, message });
      }
    };
    if (mistake(selected) === null) void run(RETRIES);
    return () => abort.abort();
  }, [selected, attempt, news]);
  const wrong = selected && mistake(selected);
  if (wrong) return { kind: "failed", status: 400, message: wrong };
  return answer && answer.of === selected && answer.attempt === attempt ? answer.state : LOADING;
}

/** Until the answer comes: what the row on the screen holds, or the name of what is asked for. Never another row's. */
function Fetching({ selected }: { selected: Selected }) {
  const row = feedOf(selected.topic)?.rows.find(selected.id);
  const instrument = placeOf(selected.id)?.instrument;
  return (
    <>
      {row && <Facts topic={selected.topic} evidence={held(selected.topic, row.event)} />}
      <p className={css.note} role="status">
        {row ? "Fetching what it rests on…" : `Fetching ${instrument ? contractName(instrument) : "the evidence"}…`}
      </p>
    </>
  );
}

function CopyLink() {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(location.href);
    setCopied(true);
    setTimeout(() => setCopied(false), 1_500);
  };
  return (
    <button type="button" onClick={() => void copy()}>
      {copied ? "copied" : "copy link"}
    </button>
  );
}

function advice(status: number): string {
  if (status === 503) return "The archive is away; live rows go on. It comes back by itself or says why in its log.";
  if (status === 400) return "It was cut short or mistyped. Copy link beside an open row makes a whole one.";
  if (status === 404) return "The archive holds no such row, or not yet.";
  return "Try again; undertow status says which part is down.";
}

export function EvidencePanel() {
  const selected = useStore(ui, (s) => s.selected);
  const [attempt, setAttempt] = useState(0);
  const state = useEvidence(selected, attempt);
  const body = useRef<HTMLDivElement>(null);
  useEffect(() => {
    void body.current?.scrollTo(0, 0);
  }, [selected]);
  return (
    <section className={css.panel} aria-label="Evidence">
      <header className={css.head}>
        <h2>Evidence</h2>
        <span className={css.hint}>g e</span>
        {selected && (
          <span className={css.tools}>
            <CopyLink />
            {isGathered(selected.id) && (
              <a href={`/api/evidence/${encodeURIComponent(selected.id)}`} target="_blank" rel="noreferrer">
                JSON
              </a>
            )}
            <button type="button" onClick={() => select(null)}>
              close
            </button>
          </span>
        )}
      </header>
      <div ref={body} className={css.body} tabIndex={0} data-panel="e" data-testid="evidence">
        {!selected && (
          <div className={css.note}>
            <strong>No row is open.</strong>Press Enter on a row, or click it: what it rests on opens here.
            <div className={css.legend}>
              <Legend />
            </div>
          </div>
        )}
        {selected && state.kind === "found" && <EvidenceBody found={state.found} selected={selected} />}
        {selected && state.kind === "loading" && <Fetching selected={selected} />}
        {selected && state.kind === "failed" && (
          <div className={`${css.note} ${css.fault}`}>
            <strong>{state.message}</strong>
            {advice(state.status)}{" "}
            {state.status !== 400 && (
              <button type="button" onClick={() => setAttempt(attempt + 1)}>
                Try again
              </button>
            )}
          </div>
        )}
      </div>
    </section>
  );
}
