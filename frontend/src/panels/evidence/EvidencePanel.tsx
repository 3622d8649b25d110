/** The evidence of the selected row, down to its prints; the address holds a link to it. */
import { useEffect, useRef, useState } from "react";
import { useStore } from "zustand";
import { select, ui } from "../../app/session";
import type { Selected } from "../../app/url";
import { RestError } from "../../feed/rest";
import { Legend } from "../help/Legend";
import css from "./Evidence.module.css";
import { EvidenceBody } from "./EvidenceBody";
import type { Found } from "./load";
import { load } from "./load";

type State =
  | { kind: "loading" }
  | { kind: "found"; id: string; found: Found }
  | { kind: "failed"; status: number; message: string };

/** The archive is a second or two behind: what is not there yet is asked for again this often. */
const RETRIES = 3;
const RETRY_MS = 1_500;

function useEvidence(selected: Selected | null, attempt: number): State {
  const [state, setState] = useState<State>({ kind: "loading" });
  useEffect(() => {
    if (!selected) return;
    const abort = new AbortController();
    const run = async (left: number): Promise<void> => {
      try {
        const found = await load(selected.topic, selected.id, abort.signal);
        if (!abort.signal.aborted) setState({ kind: "found", id: selected.id, found });
      } catch (error) {
        if (abort.signal.aborted) return;
        if (left > 0 && error instanceof RestError && error.status === 404) {
          await new Promise((done) => setTimeout(done, RETRY_MS));
          if (!abort.signal.aborted) await run(left - 1);
          return;
        }
        const [status, message] = error instanceof RestError ? [error.status, error.message] : [0, String(error)];
        setState({ kind: "failed", status, message });
      }
    };
    void run(RETRIES);
    return () => abort.abort();
  }, [selected, attempt]);
  return state;
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
  if (status === 404) return "The archive holds no such row, or not yet.";
  return "Try again; undertow status says which part is down.";
}

export function EvidencePanel() {
  const selected = useStore(ui, (s) => s.selected);
  const [attempt, setAttempt] = useState(0);
  const state = useEvidence(selected, attempt);
  const body = useRef<HTMLDivElement>(null);
  const current = selected && state.kind === "found" && state.id === selected.id;
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
            {/^(al|pk|st|pa):/.test(selected.id) && (
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
      <div
        ref={body}
        className={`${css.body} ${selected && state.kind === "found" && !current ? css.loading : ""}`}
        tabIndex={0}
        data-panel="e"
        data-testid="evidence"
      >
        {!selected && (
          <div className={css.note}>
            <strong>No row is open.</strong>Press Enter on a row, or click it: what it rests on opens here.
            <div className={css.legend}>
              <Legend />
            </div>
          </div>
        )}
        {selected && state.kind === "found" && <EvidenceBody found={state.found} selected={selected} />}
        {selected && state.kind === "loading" && <p className={css.note}>Fetching the evidence…</p>}
        {selected && state.kind === "failed" && (
          <div className={`${css.note} ${css.fault}`}>
            <strong>{state.message}</strong>
            {advice(state.status)}{" "}
            <button type="button" onClick={() => setAttempt(attempt + 1)}>
              Try again
            </button>
          </div>
        )}
      </div>
    </section>
  );
}
