/**
 * The rows of one panel, outside React: what is shown (oldest first), what waits, and where something is missing.
 * A later revision of an id replaces its row in place; one of another time waits like a new row and takes the place of
 * the time it shows. Shown rows move only in `flush`, and not while held.
 */

export interface EventRow<E> {
  readonly kind: "event";
  readonly id: string;
  ts: number;
  revision: number;
  event: E;
  /** Whether it has entered the list; before that it moves at will. */
  shown: boolean;
}

export interface GapRow {
  readonly kind: "gap";
  readonly id: string;
  /** Where it stands in the list; what is missing lies in [from, to]. */
  ts: number;
  from: number;
  to: number | null;
  count: number | null;
  readonly why: "skipped" | "expired" | "overflow";
  state: "open" | "loading" | "failed";
}

export type Row<E> = EventRow<E> | GapRow;

export interface Limits {
  /** Rows shown while the list follows the market. */
  readonly shown: number;
  /** Rows that may wait; beyond it the oldest of them become a gap that can be fetched. */
  readonly waiting: number;
  /** Rows shown at most, history that was asked for included. */
  readonly history: number;
}

interface Identity<E> {
  id(event: E): string;
  revision(event: E): number;
  ts(event: E): number;
}

export class Rows<E> {
  /** Oldest first. Replaced, never changed, when rows move: a view may keep it. */
  shown: readonly Row<E>[] = [];
  private inbox: Row<E>[] = [];
  private readonly byId = new Map<string, EventRow<E>>();
  /** Revisions of shown rows that would move them, while frozen all of them; newest per id. */
  private readonly stash = new Map<string, E>();
  private gaps = 0;
  private overflowed = 0;

  constructor(
    private readonly limits: Limits,
    private readonly identity: Identity<E>,
  ) {}

  /** How many wait: new rows, those given up beyond the bound included, and shown rows that will move. */
  get waiting(): number {
    let moving = 0;
    for (const [id, event] of this.stash) {
      const row = this.byId.get(id);
      if (row && row.ts !== this.identity.ts(event)) moving += 1;
    }
    return this.inbox.length + this.overflowed + moving;
  }

  /** Takes events; `frozen` keeps revisions of shown rows back as well. Tells how many changed anything. */
  push(events: readonly E[], frozen: boolean): number {
    let changed = 0;
    for (const event of events) changed += this.take(event, frozen) ? 1 : 0;
    if (this.inbox.length > this.limits.waiting) this.overflow();
    return changed;
  }

  private take(event: E, frozen: boolean): boolean {
    const id = this.identity.id(event);
    const revision = this.identity.revision(event);
    const known = this.byId.get(id);
    if (known === undefined) {
      const row: EventRow<E> = { kind: "event", id, ts: this.identity.ts(event), revision, event, shown: false };
      this.byId.set(id, row);
      this.inbox.push(row);
      return true;
    }
    const stashed = this.stash.get(id);
    if (revision <= (stashed ? this.identity.revision(stashed) : known.revision)) return false;
    if (known.shown && (frozen || this.identity.ts(event) !== known.ts)) this.stash.set(id, event);
    else {
      this.stash.delete(id);
      this.revise(known, event);
    }
    return true;
  }

  private revise(row: EventRow<E>, event: E): void {
    row.revision = this.identity.revision(event);
    row.ts = this.identity.ts(event);
    row.event = event;
  }

  addGap(why: GapRow["why"], count: number | null, from: number, to: number | null): GapRow {
    const gap: GapRow = { kind: "gap", id: `gap:${++this.gaps}`, ts: to ?? from, from, to, count, why, state: "open" };
    this.inbox.push(gap);
    return gap;
  }

  /** Removes a gap that was filled. */
  closeGap(gap: GapRow): void {
    this.inbox = this.inbox.filter((row) => row !== gap);
    this.shown = this.shown.filter((row) => row !== gap);
  }

  /** What waited too long becomes one gap with a count and a span. */
  private overflow(): void {
    const excess = this.inbox.length - Math.floor(this.limits.waiting * 0.9);
    const gone = this.inbox.splice(0, excess);
    let from = Infinity;
    let to = -Infinity;
    let count = 0;
    for (const row of gone) {
      from = Math.min(from, row.kind === "gap" ? row.from : row.ts);
      to = Math.max(to, row.ts);
      if (row.kind === "event") this.byId.delete(row.id);
      count += row.kind === "gap" ? (row.count ?? 0) : 1;
    }
    this.gaps += 1;
    // The gap itself stands in the inbox as one row.
    this.overflowed = count - 1;
    this.inbox.unshift({
      kind: "gap",
      id: `gap:${this.gaps}`,
      ts: to,
      from,
      to,
      count,
      why: "overflow",
      state: "open",
    });
  }

  /** Lets what waits enter, in event time, and forgets the oldest. Tells whether anything moved. */
  flush(): boolean {
    const revised = this.stash.size > 0;
    const moved = this.unstash();
    if (this.inbox.length === 0 && moved.size === 0) return revised;
    const stay = moved.size === 0 ? this.shown : this.shown.filter((row) => !moved.has(row));
    this.shown = this.enter(stay, [...moved, ...this.inbox]);
    this.inbox = [];
    this.overflowed = 0;
    this.trim(this.limits.shown);
    return true;
  }

  /** Applies what was kept back; gives the shown rows whose time it changed. */
  private unstash(): Set<Row<E>> {
    const moved = new Set<Row<E>>();
    for (const [id, event] of this.stash) {
      const row = this.byId.get(id);
      if (!row) continue;
      if (row.ts !== this.identity.ts(event)) moved.add(row);
      this.revise(row, event);
    }
    this.stash.clear();
    return moved;
  }

  private enter(sorted: readonly Row<E>[], batch: readonly Row<E>[]): Row<E>[] {
    for (const row of batch) if (row.kind === "event") row.shown = true;
    return merge(sorted, batch);
  }

  /** Puts rows asked for from history in their place at once, waiting or not. Tells how many were new. */
  insert(events: readonly E[]): number {
    const waiting = this.inbox;
    this.inbox = [];
    for (const event of events) this.take(event, false);
    const fresh = this.inbox;
    this.inbox = waiting;
    if (fresh.length) this.shown = this.enter(this.shown, fresh);
    this.trim(this.limits.history);
    return fresh.length;
  }

  /** Forgets every row that does not pass, shown or waiting. */
  keep(passes: (event: E) => boolean): void {
    const stays = (row: Row<E>) => row.kind === "event" && passes(row.event);
    for (const row of [...this.shown, ...this.inbox]) if (row.kind === "event" && !stays(row)) this.byId.delete(row.id);
    this.shown = this.shown.filter(stays);
    this.inbox = this.inbox.filter(stays);
    this.overflowed = 0;
  }

  clear(): void {
    this.shown = [];
    this.inbox = [];
    this.overflowed = 0;
    this.byId.clear();
    this.stash.clear();
  }

  find(id: string): EventRow<E> | undefined {
    return this.byId.get(id);
  }

  private trim(limit: number): void {
    const excess = this.shown.length - limit;
    if (excess <= 0) return;
    for (let i = 0; i < excess; i++) {
      const row = this.shown[i];
      if (row?.kind === "event") this.byId.delete(row.id);
    }
    this.shown = this.shown.slice(excess);
  }
}

/** Merges a batch into rows sorted by time; equal times keep the order of arrival. */
export function merge<E>(sorted: readonly Row<E>[], batch: readonly Row<E>[]): Row<E>[] {
  const fresh = [...batch].sort((a, b) => a.ts - b.ts);
  const first = fresh[0];
  if (!first) return [...sorted];
  let cut = sorted.length;
  while (cut > 0 && (sorted[cut - 1]?.ts ?? 0) > first.ts) cut--;
  const out = sorted.slice(0, cut);
  const tail = sorted.slice(cut);
  let i = 0;
  for (const row of fresh) {
    for (let old = tail[i]; old && old.ts <= row.ts; old = tail[++i]) out.push(old);
    out.push(row);
  }
  for (; i < tail.length; i++) out.push(tail[i] as Row<E>);
  return out;
}
