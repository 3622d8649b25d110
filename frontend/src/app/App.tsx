/** The terminal's one screen. */
import { useEffect } from "react";
import { useStore } from "zustand";
import { Alerts } from "../panels/alerts/Alerts";
import { EvidencePanel } from "../panels/evidence/EvidencePanel";
import { Help } from "../panels/help/Help";
import { Packets } from "../panels/packets/Packets";
import { Strip } from "../panels/strip/Strip";
import { Tape } from "../panels/tape/Tape";
import { TopBar } from "../panels/topbar/TopBar";
import css from "./App.module.css";
import { listenToKeys } from "./keyboard";
import { link } from "./session";

export function App() {
  const clock = useStore(link, (s) => s.hello?.clock);
  const refusal = useStore(link, (s) => s.refusal);
  useEffect(listenToKeys, []);
  return (
    <main className={css.app} data-clock={clock}>
      <TopBar />
      <Strip />
      <div className={css.upper}>
        <div className={css.lists}>
          <Alerts />
          <Packets />
        </div>
        <EvidencePanel />
      </div>
      <div className={css.lower}>
        <Tape />
      </div>
      <Help />
      {refusal && (
        <button type="button" className={css.refusal} onClick={() => link.setState({ refusal: null })}>
          The gateway refused a request: {refusal.message}. Press to dismiss.
        </button>
      )}
    </main>
  );
}
