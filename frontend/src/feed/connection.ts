/**
 * One WebSocket with many subscriptions. Each subscription remembers the `next` offset of every partition; after a
 * reconnect it resumes there, so nothing is missed and nothing comes twice.
 *
 * connecting -> open -> waiting -> connecting ...; `open` begins with the hello, a silent gateway counts as gone.
 */
import type { ScreenEvent } from "../domain/events";
import type { ClientOp, Cursor, GatewayStatus, Hello, Refusal, Span } from "./protocol";
import { readFrame } from "./protocol";

export type ConnectionState = "connecting" | "open" | "waiting" | "closed";

export interface SubscriptionHandlers {
  events(events: ScreenEvent[], partition: number): void;
  skipped(span: Span, partition: number): void;
  expired(partition: number): void;
  /** The subscription began anew: what is held belongs to another log. */
  restarted(): void;
}

export interface ConnectionHandlers {
  state(state: ConnectionState, retryAt: number | null): void;
  /** `other`: it speaks of another log than the hello before. */
  hello(hello: Hello, other: boolean): void;
  status(status: GatewayStatus): void;
  refused(error: Refusal): void;
}

interface Subscription {
  topic: string;
  keys: readonly string[] | null;
  snapshot: number;
  rare: boolean;
  cursor: Cursor;
  /** After a log was made anew, the partitions that have told where they are in the new one; null before that. */
  told: Set<number> | null;
  handlers: SubscriptionHandlers;
}

const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 5_000;
/** The gateway sends its status each second; this long without a frame it is taken for dead. */
const SILENCE_MS = 6_000;

function isOther(before: Hello, now: Hello): boolean {
  const remade = !!before.generation && !!now.generation && before.generation !== now.generation;
  return remade || before.dataset !== now.dataset || (before.run ?? null) !== (now.run ?? null);
}

export class Connection {
  private socket: WebSocket | null = null;
  private readonly subscriptions = new Map<string, Subscription>();
  private retries = 0;
  private lastFrame = 0;
  private hello: Hello | null = null;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private watchTimer: ReturnType<typeof setInterval> | undefined;
  private counter = 0;
  private stopped = true;

  constructor(
    private readonly url: string,
    private readonly handlers: ConnectionHandlers,
    private readonly makeSocket: (url: string) => WebSocket = (u) => new WebSocket(u),
  ) {}

  start(): void {
    this.stopped = false;
    this.watchTimer ??= setInterval(() => this.watch(), 1_000);
    this.connect();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.retryTimer);
    clearInterval(this.watchTimer);
    this.watchTimer = undefined;
    this.socket?.close();
    this.handlers.state("closed", null);
  }

  /** Tries at once instead of waiting for the next retry. */
  retryNow(): void {
    if (this.socket === null && !this.stopped) this.connect();
  }

  subscribe(
    topic: string,
    keys: readonly string[] | null,
    snapshot: number,
    handlers: SubscriptionHandlers,
    rare = false,
  ): string {
    const sub = `${topic}#${++this.counter}`;
    const subscription = { topic, keys, snapshot, rare, cursor: {}, told: null, handlers };
    this.subscriptions.set(sub, subscription);
    if (this.hello && this.socket) this.open(sub, subscription);
    return sub;
  }

  unsubscribe(sub: string): void {
    if (this.subscriptions.delete(sub) && this.hello) this.send({ op: "unsubscribe", sub });
  }

  private connect(): void {
    clearTimeout(this.retryTimer);
    this.handlers.state("connecting", null);
    this.lastFrame = Date.now();
    const socket = this.makeSocket(this.url);
    this.socket = socket;
    socket.onmessage = (message: MessageEvent<string>) => {
      if (this.socket === socket) this.take(message.data);
    };
    socket.onclose = () => this.lost(socket);
    socket.onerror = () => socket.close();
  }

  private lost(socket: WebSocket): void {
    if (this.socket !== socket) return;
    this.socket = null;
    if (this.stopped) return;
    const wait = Math.min(FIRST_RETRY_MS * 2 ** this.retries, LONGEST_RETRY_MS);
    this.retries += 1;
    this.handlers.state("waiting", Date.now() + wait);
    this.retryTimer = setTimeout(() => this.connect(), wait);
  }

  private watch(): void {
    const socket = this.socket;
    if (socket === null || Date.now() - this.lastFrame < SILENCE_MS) return;
    socket.onmessage = null;
    socket.close();
    this.lost(socket);
  }

  private send(op: ClientOp): void {
    if (this.socket?.readyState === 1) this.socket.send(JSON.stringify(op));
  }

  private open(sub: string, s: Subscription): void {
    const resume = Object.keys(s.cursor).length > 0;
    const from = resume ? this.resumption(s) : null;
    this.send({ op: "subscribe", sub, topic: s.topic, keys: s.keys, from, snapshot: resume ? 0 : s.snapshot });
  }

  /** A partition that has told no cursor would begin at its end; of a rare topic it is read whole instead. */
  private resumption(s: Subscription): Cursor {
    const untold = s.rare ? Array.from({ length: this.hello?.partitions ?? 0 }, (_, p) => [String(p), 0] as const) : [];
    return { ...Object.fromEntries(untold), ...s.cursor };
  }

  private greet(hello: Hello): void {
    const before = this.hello;
    const other = before !== null && isOther(before, hello);
    // A gateway that names no generation does not say that it is another one.
    this.hello = { ...hello, generation: hello.generation ?? (other ? null : before?.generation) };
    this.retries = 0;
    this.handlers.hello(hello, other);
    for (const [sub, s] of this.subscriptions) {
      if (other) {
        s.cursor = {};
        s.told = null;
        s.handlers.restarted();
      }
      this.open(sub, s);
    }
    this.handlers.state("open", null);
  }

  /**
   * A log that ends before our cursor is another log: its topic was made anew. Every partition says so for itself, and
   * the first of them is enough: what the others have sent since is of the new log.
   */
  private expire(s: Subscription, partition: number, next: number): void {
    const awaited = s.told?.has(partition) === false;
    const began = !awaited && next < (s.cursor[partition] ?? 0);
    if (began) {
      s.told = new Set();
      // Cursors of the old log say nothing in the new one, which is read from where it begins.
      for (const old of Object.keys(s.cursor)) s.cursor[old] = 0;
      s.handlers.restarted();
    }
    s.told?.add(partition);
    s.cursor[partition] = next;
    if (!began && !awaited) s.handlers.expired(partition);
  }

  private take(text: string): void {
    this.lastFrame = Date.now();
    const frame = readFrame(text);
    switch (frame.kind) {
      case "data": {
        const { sub, partition, next, events } = frame.data;
        const s = this.subscriptions.get(sub);
        if (!s) return;
        s.cursor[partition] = next;
        s.told?.add(partition);
        if (events.length) s.handlers.events(events, partition);
        return;
      }
      case "skipped": {
        const s = this.subscriptions.get(frame.sub);
        if (!s) return;
        s.cursor[frame.partition] = frame.skipped.next;
        s.told?.add(frame.partition);
        s.handlers.skipped(frame.skipped, frame.partition);
        return;
      }
      case "expired": {
        const s = this.subscriptions.get(frame.sub);
        if (!s) return;
        return this.expire(s, frame.partition, frame.next);
      }
      case "hello":
        return this.greet(frame.hello);
      case "status":
        return this.handlers.status(frame.status);
      case "error":
        return this.handlers.refused(frame.error);
      case "other":
    }
  }
}
