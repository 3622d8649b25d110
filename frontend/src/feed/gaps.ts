/**
 * What is missing from a topic's rows: where a gap begins and ends, and asking the archive until all of it is there.
 * A gap goes only when what was inserted makes up its count; what the archive does not hold stays on the screen.
 */
import type { ScreenEvent, ScreenTopic } from "../domain/events";
import { idOf, revisionOf } from "../domain/events";
import { nsText } from "../domain/time";
import type { SpanAnswer } from "./rest";
import { fetchNewest, fetchSpan } from "./rest";
import type { GapRow, Rows } from "./rows";
import { merge } from "./rows";

const PAGES = 20;
export const PAGE = 1_000;
/** A gap at the live edge gets its end from the next event; this long without one, the edge is its end. */
const END_MS = 1_500;
/** The archive trails the log by up to a second: nothing is asked of it sooner after a gap's end. */
const SETTLE_MS = 1_500;
/** Events of a partition are not in time order: what is not found in a gap's own span is asked for some way beside it. */
const BESIDE_MS = 5_000;
const TRIES = [
  { pauseMs: 0, besideMs: 1 },
  { pauseMs: 2_000, besideMs: 2_000 },
  { pauseMs: 4_000, besideMs: BESIDE_MS },
] as const;
/** Of a gap without a count no answer can be told from a whole one, so it is asked for once and widely. */
const UNCOUNTED = [{ pauseMs: 0, besideMs: BESIDE_MS }] as const;

interface Surroundings<E> {
  readonly topic: ScreenTopic;
  readonly rows: Rows<E>;
  /** Whether a gap is filled without being asked for. */
  readonly fills: boolean;
  readonly keys: () => readonly string[] | null;
  /** Newest event time seen, 0 before the first event. */
  readonly newest: () => number;
  readonly inserted: (events: E[]) => void;
  readonly changed: () => void;
}

/** `history`: what is left lies before the oldest row, where scrolling fetches it. */
type Answer = SpanAnswer & { history?: boolean };

const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));
const isGap = (row: { kind: string }): row is GapRow => row.kind === "gap";
const sum = (numbers: readonly number[], of: (n: number) => number) =>
  numbers.reduce((all, n) => all + Math.max(0, of(n)), 0);

export class Gaps<E extends ScreenEvent> {
  /** Gaps that still want their end, by partition. */
  private readonly unended = new Map<number, GapRow>();
  /** Gaps that are not closed and their partitions, oldest first. */
  private readonly live = new Map<GapRow, number>();
  /** Newest revisions met while something is missing: a row that waits to move still shows an older one. */
  private readonly met = new Map<string, number>();
  private generation = 0;

  constructor(private readonly around: Surroundings<E>) {}

  /** Forgets all: answers that are still on their way belong to rows that are gone. */
  forget(): void {
    this.generation += 1;
    this.unended.clear();
    this.live.clear();
    this.met.clear();
  }

  begin(why: "skipped" | "expired", count: number | null, partition: number, from: number): void {
    const { rows } = this.around;
    const gap = rows.addGap(why, count, from, null);
    // Of a partition that was quiet for long it begins before the oldest row; it would be trimmed there, unseen.
    gap.ts = Math.max(from, rows.shown[0]?.ts ?? 0);
    this.unended.set(partition, gap);
    this.live.set(gap, partition);
    setTimeout(() => {
      if (this.unended.get(partition) === gap) this.end(partition, gap, this.around.newest());
    }, END_MS);
  }

  /** To be told of events before they are pushed: they end their partition's gap, and supersede revisions lost in it. */
  arriving(events: readonly E[], partition: number, newest: number): void {
    const first = events[0];
    for (const gap of this.live.keys()) if (!this.stands(gap)) this.live.delete(gap);
    if (this.live.size === 0) return this.met.clear();
    const open = this.unended.get(partition);
    if (open) this.end(partition, open, first?.ts ?? newest);
    if (first && this.around.newest() === 0) this.place(first.ts);
    const gap = [...this.live].filter(([, of]) => of === partition).at(-1)?.[0];
    if (!gap?.count) return;
    gap.count = Math.max(0, gap.count - sum(this.steps(events), (step) => step - 1));
    if (gap.count === 0) this.close(gap);
  }

  /** Narrows the rows; what is missing among those that stay is still missing, though no longer counted. */
  narrow(passes: (event: E) => boolean): void {
    const { rows } = this.around;
    const shown = rows.shown.filter(isGap);
    const waiting = [...this.live.keys()].filter((gap) => !shown.includes(gap));
    this.forget();
    rows.keep(passes);
    rows.shown = merge(rows.shown, shown);
    const again = waiting.map((gap) => rows.addGap(gap.why, null, gap.from, gap.to));
    for (const gap of [...shown, ...again]) {
      gap.count = null;
      gap.to ??= Math.max(this.around.newest(), gap.from);
      gap.state = "open";
      this.live.set(gap, -1);
      if (this.around.fills && gap.why !== "overflow") void this.fill(gap, SETTLE_MS);
    }
  }

  /** Asks the archive for what is missing, more than once where the count says that there is more. */
  async fill(gap: GapRow, settleMs = 0): Promise<void> {
    if (gap.state === "loading") return;
    this.mark(gap, "loading");
    const { generation } = this;
    let state: GapRow["state"] = "open";
    for (const { pauseMs, besideMs } of gap.count === null ? UNCOUNTED : TRIES) {
      await pause(pauseMs + settleMs);
      if (generation !== this.generation || gap.count === 0) return;
      if (!this.stands(gap)) break;
      const answer = await this.ask(gap, besideMs).catch(() => null);
      if (generation !== this.generation || gap.count === 0) return;
      if (answer === null) state = "failed";
      if (answer === null || !this.stands(gap)) break;
      this.insert(gap, answer);
      const whole = answer.reached === null && (gap.count === null || answer.history === true);
      if (whole || gap.count === 0) return this.close(gap);
      // What lies behind the last page is asked for when a person wants it.
      if (answer.reached !== null) break;
      this.around.changed();
    }
    this.mark(gap, state);
  }

  private insert(gap: GapRow, answer: Answer): void {
    const events = answer.events as E[];
    if (gap.count !== null) gap.count -= Math.min(gap.count, this.found(gap, events));
    if (answer.reached !== null && answer.reached > gap.from) gap.from = answer.reached;
    this.around.inserted(events);
  }

  private async ask(gap: GapRow, besideMs: number): Promise<Answer> {
    const { topic, keys } = this.around;
    const to = (gap.to ?? this.around.newest()) || null;
    const until = to === null ? undefined : nsText(to, besideMs);
    if (gap.from > 0)
      return fetchSpan(topic, keys(), { from: nsText(gap.from, -besideMs), to: until, limit: PAGE }, PAGES);
    // Missing before the first event: the newest page of it; what is older still is history, to be scrolled to.
    const page = await fetchNewest(topic, keys(), { to: until, limit: PAGE });
    return { events: page.events, reached: null, history: page.next !== null };
  }

  /** How many of a gap's records these events make up: a log holds each revision, the archive's answer the last. */
  private found(gap: GapRow, events: readonly E[]): number {
    const { rows } = this.around;
    // What lies before the oldest row was never in this gap.
    const since = Math.min(gap.from, rows.shown[0]?.ts ?? 0);
    const within = events.filter((event) => event.ts >= since);
    return sum(this.steps(within), (step) => (gap.why === "overflow" ? Math.min(step, 1) : step));
  }

  /** Of each event the revisions from the one known before, exclusive, to its own, inclusive. */
  private steps(events: readonly E[]): number[] {
    return events.map((event) => {
      const id = idOf(event);
      const known = Math.max(this.met.get(id) ?? -1, this.around.rows.find(id)?.revision ?? -1);
      this.met.set(id, Math.max(known, revisionOf(event)));
      return revisionOf(event) - known;
    });
  }

  /** A gap whose place was trimmed away is history like all before the oldest row. */
  private stands(gap: GapRow): boolean {
    const { shown } = this.around.rows;
    return gap.ts >= (shown[0]?.ts ?? 0) || shown.includes(gap);
  }

  /** Gaps before the first event stand right before it. */
  private place(first: number): void {
    for (const gap of this.live.keys())
      if (gap.ts === 0) {
        gap.ts = first;
        gap.to = first;
      }
  }

  private end(partition: number, gap: GapRow, to: number): void {
    this.unended.delete(partition);
    gap.to = Math.max(to, gap.from);
    if (this.around.fills) void this.fill(gap, SETTLE_MS);
  }

  private close(gap: GapRow): void {
    this.live.delete(gap);
    this.around.rows.closeGap(gap);
    this.around.changed();
  }

  private mark(gap: GapRow, state: GapRow["state"]): void {
    gap.state = state;
    this.around.changed();
  }
}
