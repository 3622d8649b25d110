/** The gateway's REST history: pages of a topic, one event's evidence, why rules did or did not fire. */
import type { ScreenTopic, ScreenEvent } from "../domain/events";
import type { Evidence, Explanation } from "../domain/evidence";
import { readEvidence, readExplanation } from "../domain/evidence";

export class RestError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

async function get(path: string, signal?: AbortSignal): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(path, {
      signal: signal ?? AbortSignal.timeout(15_000),
      headers: { accept: "application/json" },
    });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new RestError(0, "The gateway does not answer.");
  }
  const body: unknown = await response.json().catch(() => null);
  if (!response.ok) throw new RestError(response.status, messageOf(body) ?? `The gateway answers ${response.status}.`);
  return body;
}

function messageOf(body: unknown): string | null {
  const error = (body as { error?: unknown } | null)?.error;
  if (typeof error === "string") return error;
  const message = (error as { message?: unknown } | undefined)?.message;
  return typeof message === "string" ? message : null;
}

export interface Query {
  from?: string | undefined;
  to?: string | undefined;
  underlying?: string | null;
  contract?: string | undefined;
  symbol?: string | undefined;
  limit: number;
  order?: "asc" | "desc";
  cursor?: string | null;
  /** Each event as it is now, or all that was ever told of it. */
  readonly revisions?: "last" | "all";
}

export interface Page {
  events: ScreenEvent[];
  next: string | null;
}

export async function fetchPage(topic: ScreenTopic, query: Query): Promise<Page> {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    if (value !== undefined && value !== null) params.set(name, String(value));
  const body = (await get(`/api/${topic}?${params}`)) as Partial<Page>;
  return { events: body.events ?? [], next: body.next ?? null };
}

export interface SpanAnswer {
  events: ScreenEvent[];
  /** Up to where the span was read when its pages ran out; null when all of it was. */
  reached: number | null;
}

/** Everything of a span, page by page, ticker by ticker; after `most` pages of a ticker it says how far it came. */
export async function fetchSpan(
  topic: ScreenTopic,
  tickers: readonly string[] | null,
  query: Query,
  most: number,
): Promise<SpanAnswer> {
  const events: ScreenEvent[] = [];
  let reached: number | null = null;
  for (const underlying of tickers ?? [null]) {
    let cursor: string | null = null;
    for (let page = 0; page < most; page++) {
      const answer: Page = await fetchPage(topic, { ...query, order: "asc", underlying, cursor });
      events.push(...answer.events);
      cursor = answer.next;
      if (cursor === null) break;
    }
    if (cursor !== null) reached = Math.min(reached ?? Infinity, events.at(-1)?.ts ?? 0);
  }
  return { events, reached };
}

/** The newest rows of a span. With several tickers no further back than the least far of them, so that no hole is left. */
export async function fetchNewest(topic: ScreenTopic, tickers: readonly string[] | null, query: Query): Promise<Page> {
  const asked = tickers ?? [null];
  const pages = await Promise.all(asked.map((underlying) => fetchPage(topic, { ...query, order: "desc", underlying })));
  const edge = Math.max(
    -Infinity,
    ...pages.map((page) => (page.next === null ? -Infinity : (page.events.at(-1)?.ts ?? -Infinity))),
  );
  return {
    events: pages.flatMap((page) => page.events).filter((event) => event.ts >= edge),
    next: pages.some((page) => page.next !== null) ? "more" : null,
  };
}

export async function fetchEvidence(id: string, signal: AbortSignal): Promise<Evidence> {
  return readEvidence(await get(`/api/evidence/${encodeURIComponent(id)}`, signal));
}

export async function fetchExplanation(id: string, signal: AbortSignal): Promise<Explanation> {
  return readExplanation(await get(`/api/explain/${encodeURIComponent(id)}`, signal));
}
