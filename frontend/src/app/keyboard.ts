/** The keys that work everywhere; a table's own keys (arrows, Enter, copy) are the table's. */
import type { TapeTab } from "./persisted";
import { select, setHelp, setTape, togglePause, toggleTheme, ui } from "./session";

const TAPES: Record<string, TapeTab> = { 1: "options.marked", 2: "equities.prints", 3: "options.prints" };
const GO_MS = 1_200;
let goUntil = 0;

function typing(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement
  );
}

function focusPanel(letter: string): boolean {
  const panel = document.querySelector<HTMLElement>(`[data-panel="${letter}"]`);
  panel?.focus();
  return panel !== null;
}

function escape(): void {
  if (ui.getState().help) setHelp(false);
  else if (ui.getState().selected) select(null);
  else if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
}

const KEYS: Record<string, () => void> = {
  "/": () => document.getElementById("filter")?.focus(),
  $: () => document.getElementById("least")?.focus(),
  s: () => document.getElementById("severity")?.focus(),
  d: () => document.getElementById("direction")?.focus(),
  " ": togglePause,
  "?": () => setHelp(!ui.getState().help),
  t: toggleTheme,
  Escape: escape,
};

function onKey(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  if (event.key === " " && event.target instanceof HTMLButtonElement) event.target.blur();
  if (Date.now() < goUntil) {
    goUntil = 0;
    if (focusPanel(event.key)) return event.preventDefault();
  }
  if (event.key === "g") {
    goUntil = Date.now() + GO_MS;
    return;
  }
  const tape = TAPES[event.key];
  if (tape) setTape(tape);
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
}

export function listenToKeys(): () => void {
  addEventListener("keydown", onKey);
  return () => removeEventListener("keydown", onKey);
}
