/** Everything the keyboard does, and how to read the marks. */
import { useEffect, useRef } from "react";
import { useStore } from "zustand";
import { setHelp, ui } from "../../app/session";
import { alertColumns } from "../alerts/columns";
import { packetColumns } from "../packets/columns";
import { Legend } from "./Legend";
import css from "./Help.module.css";

export const KEYS: readonly [keys: readonly string[], does: string][] = [
  [["/"], "filter by ticker"],
  [["$"], "least premium of alerts and packets"],
  [["s"], "least severity of alerts"],
  [["d"], "what alerts claim"],
  [["space"], "pause; what comes waits"],
  [["↑", "↓"], "move between rows"],
  [["⇧", "↑↓"], "mark a range"],
  [["Enter"], "open the evidence"],
  [["Esc"], "close, then let go of the row"],
  [["Ctrl", "C"], "copy marked rows as TSV"],
  [["g", "a"], "to the alerts"],
  [["g", "p"], "to the packets"],
  [["g", "t"], "to the tape"],
  [["g", "e"], "to the evidence"],
  [["1", "2", "3"], "options, equities, as printed"],
  [["t"], "dark or light"],
];

/** The heads that are short for something, in the words that they say on hover. */
function Heads() {
  const heads = new Map<string, string>();
  for (const { head, about } of [...alertColumns, ...packetColumns]) {
    const before = heads.get(head);
    if (head && about) heads.set(head, before && before !== about ? `${before}; ${about}` : about);
  }
  return (
    <dl className={css.heads}>
      {[...heads].map(([head, about]) => (
        <div key={head} style={{ display: "contents" }}>
          <dt>{head}</dt>
          <dd>{about}</dd>
        </div>
      ))}
    </dl>
  );
}

export function Help() {
  const open = useStore(ui, (s) => s.help);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!open) return;
    const before = document.activeElement;
    box.current?.focus();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, [open]);
  if (!open) return null;
  return (
    <div className={css.scrim} onClick={() => setHelp(false)}>
      <div
        ref={box}
        className={css.box}
        role="dialog"
        aria-modal
        aria-label="Keys and marks"
        tabIndex={-1}
        onClick={(e) => e.stopPropagation()}
      >
        <h2>Keys</h2>
        <div className={css.columns}>
          <dl>
            {KEYS.map(([keys, does]) => (
              <div key={does} style={{ display: "contents" }}>
                <dt>
                  {keys.map((key) => (
                    <span key={key}>
                      <kbd>{key}</kbd>{" "}
                    </span>
                  ))}
                </dt>
                <dd>{does}</dd>
              </div>
            ))}
          </dl>
          <Legend />
        </div>
        <h2 className={css.next}>Heads of columns</h2>
        <Heads />
        <p className={css.foot}>
          Rows wait while the pointer is on a list, a row is marked or the list is scrolled; a count says how many. Esc
          closes.
        </p>
      </div>
    </div>
  );
}
