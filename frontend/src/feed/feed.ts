/** One topic on the screen: its subscription, its rows, who holds them, and how what is missing is fetched. */
import { createStore } from "zustand/vanilla";
import type { ScreenEvent, ScreenTopic } from "../domain/events";
import { idOf, revisionOf, tickerOf } from "../domain/events";
import { nsText } from "../domain/time";
import type { Connection, SubscriptionHandlers } from "./connection";
import { onNextFrame } from "./frame";
import type { Span } from "./protocol";
import { fetchNewest, fetchSpan } from "./rest";
import type { GapRow, Limits } from "./rows";
import { Rows } from "./rows";

export type Hold = "paused" | "pointer" | "scroll" | "focus";

export interface FeedState {
  /** Grows whenever what is shown changes. */
  version: number;
  waiting: number;
  holds: ReadonlySet<Hold>;
  phase: "loading" | "ready";
  older: "idle" | "loading" | "end" | "failed";
  received: number;
}

export const LIMITS: Limits = { shown: 5_000, waiting: 20_000, history: 12_000 };
export const SNAPSHOT = 200;
const GAP_PAGES = 20;
const PAGE = 1_000;
const OLDER = 500;
/** A gap at the live edge gets its end from the next event; this long without one, the edge is its end. */
const GAP_WAIT_MS = 1_500;

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
  private readonly openGaps = new Map<number, GapRow>();
  private received = 0;
  newestTs = 0;

  constructor(
    readonly topic: ScreenTopic,
    private readonly connection: Connection,
    private readonly options: {
      fillGaps: boolean;
      rare?: boolean;
      onEvents?: (newestTs: number) => void;
      limits?: Limits;
    },
  ) {
    this.rows = new Rows<E>(options.limits ?? LIMITS, { id: idOf, revision: revisionOf, ts: (e) => e.ts });
  }

  /** Starts, or starts again with other keys; rows of keys still wanted stay on the screen meanwhile. */
  follow(keys: readonly string[] | null): void {
    if (this.sub !== null) this.connection.unsubscribe(this.sub);
    const narrower = keys !== null && (this.keys === null || keys.every((key) => this.keys?.includes(key)));
    if (narrower) this.rows.keep((event) => keys.includes(tickerOf(event)));
    else this.rows.clear();
    this.keys = keys;
    this.forgetPositions();
    this.store.setState((s) => ({
      version: s.version + 1,
      waiting: this.rows.waiting,
      phase: "loading",
      older: "idle",
    }));
    this.sub = this.connection.subscribe(this.topic, keys, SNAPSHOT, this.handlers(), this.options.rare);
    setTimeout(() => this.store.setState({ phase: "ready" }), 1_500);
  }

  stop(): void {
    if (this.sub !== null) this.connection.unsubscribe(this.sub);
    this.sub = null;
    this.rows.clear();
    this.forgetPositions();
    this.store.setState((s) => ({ version: s.version + 1, waiting: 0, phase: "loading" }));
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
    this.rows.flush();
    this.publish(true);
  }

  async fill(gap: GapRow): Promise<void> {
    if (gap.state === "loading") return;
    gap.state = "loading";
    this.publish(true);
    try {
      const span = { from: nsText(gap.from, -1), to: nsText(gap.to ?? this.newestTs, 1), limit: PAGE };
      const events = await fetchSpan(this.topic, this.keys, span, GAP_PAGES);
      this.rows.insert(events as E[]);
      this.rows.closeGap(gap);
      onNextFrame(this.flush);
    } catch {
      gap.state = "failed";
    }
    this.publish(true);
  }

  /** Asks the archive for rows before the oldest shown. */
  async loadOlder(fromTs?: number): Promise<void> {
    const state = this.store.getState();
    const oldest = this.rows.shown[0];
    if (state.older === "loading" || state.older === "end" || !oldest) return;
    this.store.setState({ older: "loading" });
    try {
      const from = fromTs === undefined ? undefined : nsText(Math.min(fromTs, oldest.ts), -1);
      const limit = fromTs === undefined ? OLDER : PAGE;
      const answer = await fetchNewest(this.topic, this.keys, { from, to: nsText(oldest.ts, 1), limit });
      const fresh = this.rows.insert(answer.events as E[]);
      onNextFrame(this.flush);
      this.store.setState({ older: answer.next === null && fresh === 0 && fromTs === undefined ? "end" : "idle" });
    } catch {
      this.store.setState({ older: "failed" });
    }
    this.publish(true);
  }

  private get frozen(): boolean {
    return this.store.getState().holds.has("paused");
  }

  private handlers(): SubscriptionHandlers {
    return {
      events: (events, partition) => this.take(events as E[], partition),
      skipped: (span, partition) => this.gap("skipped", span, partition),
      expired: (partition) => this.gap("expired", null, partition),
      restarted: () => {
        this.rows.clear();
        this.forgetPositions();
        this.newestTs = 0;
        this.publish(true);
      },
    };
  }

  private take(events: E[], partition: number): void {
    this.received += events.length;
    let newest = this.lastTs.get(partition) ?? 0;
    for (const event of events) if (event.ts > newest) newest = event.ts;
    const gap = this.openGaps.get(partition);
    if (gap) this.endGap(partition, gap, events[0]?.ts ?? newest);
    this.lastTs.set(partition, newest);
    if (newest > this.newestTs) this.newestTs = newest;
    this.rows.push(events, this.frozen);
    this.options.onEvents?.(newest);
    onNextFrame(this.flush);
  }

  private gap(why: "skipped" | "expired", span: Span | null, partition: number): void {
    const from = this.lastTs.get(partition) ?? this.newestTs;
    const gap = this.rows.addGap(why, span?.count ?? null, from, null);
    this.openGaps.set(partition, gap);
    setTimeout(() => {
      if (this.openGaps.get(partition) === gap) this.endGap(partition, gap, this.newestTs);
    }, GAP_WAIT_MS);
    onNextFrame(this.flush);
  }

  private endGap(partition: number, gap: GapRow, to: number): void {
    this.openGaps.delete(partition);
    gap.to = Math.max(to, gap.from);
    if (this.options.fillGaps) void this.fill(gap);
  }

  private readonly flush = (): void => {
    const held = this.store.getState().holds.size > 0;
    const moved = !held && this.rows.flush();
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

  private forgetPositions(): void {
    this.lastTs.clear();
    this.openGaps.clear();
  }
}
