/** One topic on the screen: its subscription, its rows, who holds them, and how what is missing is fetched. */
import { createStore } from "zustand/vanilla";
import type { ScreenEvent, ScreenTopic } from "../domain/events";
import { idOf, namesTicker, revisionOf, tickerOf } from "../domain/events";
import { nsText } from "../domain/time";
import type { Connection, SubscriptionHandlers } from "./connection";
import { onNextFrame } from "./frame";
import { Gaps, PAGE } from "./gaps";
import { fetchNewest } from "./rest";
import type { GapRow, Limits, Row } from "./rows";
import { Rows } from "./rows";

export type Hold = "paused" | "pointer" | "scroll" | "focus";

export interface FeedState {
  /** Grows whenever what is shown changes. */
  version: number;
  waiting: number;
  holds: ReadonlySet<Hold>;
  phase: "loading" | "ready";
  /** `full`: the page keeps no more rows than it has. */
  older: "idle" | "loading" | "end" | "full" | "failed";
  received: number;
}

export const LIMITS: Limits = { shown: 5_000, waiting: 20_000, history: 12_000 };
export const SNAPSHOT = 200;
const OLDER = 500;
const LOADING_MS = 1_500;

export class Feed<E extends ScreenEvent = ScreenEvent> {
  readonly rows: Rows<E>;
  readonly store = createStore<FeedState>(() => ({
    version: 0,
    waiting: 0,
    holds: new Set<Hold>(),
    phase: "loading",
    older: "idle",
    received: 0,
  }));
  private sub: string | null = null;
  private keys: readonly string[] | null = null;
  private readonly lastTs = new Map<number, number>();
  private readonly gaps: Gaps<E>;
  private readonly limits: Limits;
  /** Grows with each start over: an answer that was asked for before it is of other rows. */
  private generation = 0;
  private received = 0;
  newestTs = 0;

  constructor(
    readonly topic: ScreenTopic,
    private readonly connection: Connection,
    private readonly options: {
      fillGaps: boolean;
      rare?: boolean;
      onEvents?: (newestTs: number) => void;
      /** The log was made anew: event time may go back. */
      onRestart?: () => void;
      limits?: Limits;
    },
  ) {
    this.limits = options.limits ?? LIMITS;
    this.rows = new Rows<E>(this.limits, { id: idOf, revision: revisionOf, ts: (e) => e.ts });
    this.gaps = new Gaps<E>({
      topic,
      rows: this.rows,
      fills: options.fillGaps,
      keys: () => this.keys,
      newest: () => this.newestTs,
      inserted: (events) => void this.insert(events),
      changed: () => this.publish(true),
    });
  }

  /** Starts, or starts again with other keys; rows of keys still wanted stay on the screen meanwhile. */
  follow(keys: readonly string[] | null): void {
    if (this.sub !== null) this.connection.unsubscribe(this.sub);
    const narrower = keys !== null && (this.keys === null || keys.every((key) => this.keys?.includes(key)));
    // Of much that waits some may have been given up, which a narrower list could not say: it begins anew.
    const kept = narrower && namesTicker(this.topic) && this.rows.waiting < this.limits.waiting / 2;
    this.keys = keys;
    if (kept) this.gaps.narrow((event) => keys.includes(tickerOf(event) ?? ""));
    else this.forgetRows();
    this.startOver("loading");
    this.sub = this.connection.subscribe(this.topic, keys, SNAPSHOT, this.handlers(), this.options.rare);
    const { generation } = this;
    setTimeout(() => generation === this.generation && this.store.setState({ phase: "ready" }), LOADING_MS);
  }

  stop(): void {
    if (this.sub !== null) this.connection.unsubscribe(this.sub);
    this.sub = null;
    this.forgetRows();
    this.startOver("loading");
  }

  hold(reason: Hold, on: boolean): void {
    const holds = this.store.getState().holds;
    if (holds.has(reason) === on) return;
    const next = new Set(holds);
    if (on) next.add(reason);
    else next.delete(reason);
    this.store.setState({ holds: next });
    if (next.size === 0) onNextFrame(this.flush);
  }

  /** Lets in what waits now, whoever holds. */
  release(): void {
    this.trimming(() => this.rows.flush());
    this.publish(true);
  }

  fill(gap: GapRow): Promise<void> {
    return this.gaps.fill(gap);
  }

  /** Asks the archive for rows before the oldest shown. */
  async loadOlder(fromTs?: number): Promise<void> {
    const state = this.store.getState();
    const oldest = this.rows.shown[0];
    if (state.older === "loading" || state.older === "end" || !oldest) return;
    if (this.full) return this.store.setState({ older: "full" });
    this.store.setState({ older: "loading" });
    const { generation } = this;
    const from = fromTs === undefined ? undefined : nsText(Math.min(fromTs, oldest.ts), -1);
    const limit = fromTs === undefined ? OLDER : PAGE;
    const query = { from, to: nsText(oldest.ts, 1), limit };
    const answer = await fetchNewest(this.topic, this.keys, query).catch(() => null);
    if (generation !== this.generation) return;
    // What it was to be joined to was trimmed meanwhile: between them would be a hole that nobody sees.
    if (this.forgotten(oldest)) return this.store.setState({ older: "idle" });
    const fresh = answer === null ? 0 : this.insert(answer.events as E[]);
    const end = answer?.next === null && fresh === 0 && fromTs === undefined;
    this.store.setState({ older: answer === null ? "failed" : this.full ? "full" : end ? "end" : "idle" });
    this.publish(true);
  }

  private get full(): boolean {
    return this.rows.shown.length >= this.limits.history;
  }

  private insert(events: E[]): number {
    const fresh = this.trimming(() => this.rows.insert(events));
    onNextFrame(this.flush);
    return fresh;
  }

  /** Where rows fall off the old end, there is something older again to ask for. */
  private trimming<T>(move: () => T): T {
    const oldest = this.rows.shown[0];
    const moved = move();
    if (oldest && this.forgotten(oldest) && this.store.getState().older !== "loading")
      this.store.setState({ older: "idle" });
    return moved;
  }

  private forgotten(row: Row<E>): boolean {
    return row.kind === "event" ? this.rows.find(row.id) === undefined : !this.rows.shown.includes(row);
  }

  private get frozen(): boolean {
    return this.store.getState().holds.has("paused");
  }

  private handlers(): SubscriptionHandlers {
    return {
      events: (events, partition) => this.take(events as E[], partition),
      skipped: (span, partition) => this.gap("skipped", span.count, partition),
      expired: (partition) => this.gap("expired", null, partition),
      restarted: () => {
        this.forgetRows();
        this.startOver("ready");
        this.options.onRestart?.();
      },
    };
  }

  private take(events: E[], partition: number): void {
    this.received += events.length;
    let newest = this.lastTs.get(partition) ?? 0;
    for (const event of events) if (event.ts > newest) newest = event.ts;
    this.gaps.arriving(events, partition, newest);
    this.lastTs.set(partition, newest);
    if (newest > this.newestTs) this.newestTs = newest;
    this.rows.push(events, this.frozen);
    this.options.onEvents?.(newest);
    onNextFrame(this.flush);
  }

  private gap(why: "skipped" | "expired", count: number | null, partition: number): void {
    this.gaps.begin(why, count, partition, this.lastTs.get(partition) ?? this.newestTs);
    onNextFrame(this.flush);
  }

  private readonly flush = (): void => {
    const held = this.store.getState().holds.size > 0;
    const moved = !held && this.trimming(() => this.rows.flush());
    this.publish(moved || !this.frozen);
  };

  private publish(moved: boolean): void {
    this.store.setState((s) => ({
      version: moved ? s.version + 1 : s.version,
      waiting: this.rows.waiting,
      phase: "ready",
      received: this.received,
    }));
  }

  private forgetRows(): void {
    this.rows.clear();
    this.gaps.forget();
    this.newestTs = 0;
  }

  private startOver(phase: FeedState["phase"]): void {
    this.generation += 1;
    this.lastTs.clear();
    this.store.setState((s) => ({ version: s.version + 1, waiting: this.rows.waiting, phase, older: "idle" }));
  }
}
