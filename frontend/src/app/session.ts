/** The running terminal: one connection, its feeds, the interface state, and every action as a function. */
import { createStore } from "zustand/vanilla";
import type { AlertFilter } from "../domain/alertFilter";
import type { Alert, EquityPrint, FlowPacket, MarkedPrint, OptionPrint } from "../domain/events";
import type { ConnectionState } from "../feed/connection";
import { Connection } from "../feed/connection";
import { Feed } from "../feed/feed";
import { onNextFrame } from "../feed/frame";
import type { GatewayStatus, Hello, Refusal } from "../feed/protocol";
import type { TapeTab, Theme } from "./persisted";
import { persist, restore } from "./persisted";
import type { Selected } from "./url";
import { readPlace, writePlace } from "./url";

export interface UiState extends AlertFilter {
  theme: Theme;
  tape: TapeTab;
  tickers: readonly string[];
  paused: boolean;
  selected: Selected | null;
  help: boolean;
}

export interface LinkState {
  connection: ConnectionState;
  retryAt: number | null;
  everOpen: boolean;
  hello: Hello | null;
  status: GatewayStatus | null;
  statusAt: number;
  newestTs: number;
  refusal: Refusal | null;
}

const place = readPlace(location.search, location.hash);

export const ui = createStore<UiState>(() => ({
  theme: restore("theme"),
  tape: restore("tape"),
  tickers: place.tickers,
  minPremium: place.minPremium,
  severity: place.severity,
  direction: place.direction,
  paused: false,
  selected: place.selected,
  help: false,
}));

export const link = createStore<LinkState>(() => ({
  connection: "connecting",
  retryAt: null,
  everOpen: false,
  hello: null,
  status: null,
  statusAt: 0,
  newestTs: 0,
  refusal: null,
}));

const address = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`;
const connection = new Connection(address, {
  state: (state, retryAt) =>
    link.setState((s) => ({ connection: state, retryAt, everOpen: s.everOpen || state === "open" })),
  hello: (hello, other) => {
    link.setState({ hello, refusal: null });
    if (other) forgetClock();
  },
  status: (status) => {
    link.setState({ status, statusAt: Date.now() });
    if (status.event_time !== null) told(Number(status.event_time));
  },
  refused: (refusal) => link.setState({ refusal }),
});

let newest = 0;
/** A log was made anew and its event time may have gone back: the next status sets the clock, whatever it said before. */
let clockAnew = false;
function publishNewest(): void {
  if (newest > 0 && newest !== link.getState().newestTs && !ui.getState().paused) link.setState({ newestTs: newest });
}
function seen(ts: number): void {
  if (ts <= newest) return;
  newest = ts;
  onNextFrame(publishNewest);
}
function told(ts: number): void {
  if (clockAnew) newest = 0;
  clockAnew = false;
  seen(ts);
}
/** The clock of another data set says nothing: it is unknown until that one tells its own. */
function forgetClock(): void {
  newest = 0;
  link.setState({ newestTs: 0 });
}

export const STRIP_MINUTES = 30;

const clocked = { onEvents: seen, onRestart: () => void (clockAnew = true) };

export const feeds = {
  "flow.alerts": new Feed<Alert>("flow.alerts", connection, { fillGaps: true, rare: true, ...clocked }),
  "flow.packets": new Feed<FlowPacket>("flow.packets", connection, { fillGaps: true, ...clocked }),
  "options.marked": new Feed<MarkedPrint>("options.marked", connection, { fillGaps: false, ...clocked }),
  "options.prints": new Feed<OptionPrint>("options.prints", connection, { fillGaps: false, ...clocked }),
  "equities.prints": new Feed<EquityPrint>("equities.prints", connection, { fillGaps: false, ...clocked }),
} as const;

const keysOf = (tickers: readonly string[]) => (tickers.length ? tickers : null);

function live(): Feed[] {
  const names = ["flow.alerts", "flow.packets", ui.getState().tape] as const;
  return names.map((name) => feeds[name] as unknown as Feed);
}

export function start(): void {
  document.documentElement.dataset.theme = ui.getState().theme;
  for (const feed of live()) feed.follow(keysOf(ui.getState().tickers));
  backfillAlerts();
  connection.start();
  ui.subscribe((now, before) => {
    const written = writePlace(now);
    if (written !== writePlace(before)) history.replaceState(null, "", `${location.pathname}${written}`);
  });
  addEventListener("hashchange", () => select(readPlace("", location.hash).selected));
}

/** Once the first alerts are there, the strip's half hour before them comes from the archive. */
function backfillAlerts(): void {
  const feed = feeds["flow.alerts"];
  const stop = feed.store.subscribe((s) => {
    if (s.received === 0 || feed.rows.shown.length === 0) return;
    stop();
    void feed.loadOlder(feed.newestTs - STRIP_MINUTES * 60e9);
  });
}

export function setTickers(tickers: readonly string[]): void {
  if (tickers.join() === ui.getState().tickers.join()) return;
  ui.setState({ tickers });
  for (const feed of live()) feed.follow(keysOf(tickers));
  backfillAlerts();
}

/** Changes what is asked of an alert; what is not named stays. */
export function setAlertFilter(filter: Partial<AlertFilter>): void {
  ui.setState(filter);
}

export function setTape(tape: TapeTab): void {
  const before = ui.getState().tape;
  if (tape === before) return;
  feeds[before].stop();
  ui.setState({ tape });
  persist("tape", tape);
  const feed = feeds[tape];
  feed.hold("paused", ui.getState().paused);
  feed.follow(keysOf(ui.getState().tickers));
}

export function togglePause(): void {
  const paused = !ui.getState().paused;
  ui.setState({ paused });
  for (const feed of live()) feed.hold("paused", paused);
  onNextFrame(publishNewest);
}

export function toggleTheme(): void {
  const theme = ui.getState().theme === "dark" ? "light" : "dark";
  ui.setState({ theme });
  persist("theme", theme);
  document.documentElement.dataset.theme = theme;
}

/** Opening what is open changes nothing, so that its evidence is not fetched again. */
export function select(selected: Selected | null): void {
  const before = ui.getState().selected;
  if (before?.topic === selected?.topic && before?.id === selected?.id) return;
  ui.setState({ selected });
}

export function setHelp(help: boolean): void {
  ui.setState({ help });
}

export function retryNow(): void {
  connection.retryNow();
}

/** Sum of what waits in the panels on the screen. */
export function waitingNow(): number {
  return live().reduce((sum, feed) => sum + feed.rows.waiting, 0);
}
