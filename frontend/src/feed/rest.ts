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
    response = await fetch(path, { signal: signal ?? AbortSignal.timeout(15_000), headers: { accept: "application/json" } });
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
  tickers?: readonly string[] | null;
  limit: number;
  order?: "asc" | "desc";
  cursor?: string | null;
}

export interface Page {
  events: ScreenEvent[];
  next: string | null;
}

export async function fetchPage(topic: ScreenTopic, query: Query): Promise<Page> {
  const params = new URLSearchParams({ limit: String(query.limit), order: query.order ?? "asc" });
  if (query.from) params.set("from", query.from);
  if (query.to) params.set("to", query.to);
  if (query.tickers?.length) params.set("underlying", query.tickers.join(","));
  if (query.cursor) params.set("cursor", query.cursor);
  const body = (await get(`/api/${topic}?${params}`)) as Partial<Page>;
  return { events: body.events ?? [], next: body.next ?? null };
}

export async function fetchEvidence(id: string, signal: AbortSignal): Promise<Evidence> {
  return readEvidence(await get(`/api/evidence/${encodeURIComponent(id)}`, signal));
}

export async function fetchExplanation(id: string, signal: AbortSignal): Promise<Explanation> {
  return readExplanation(await get(`/api/explain/${encodeURIComponent(id)}`, signal));
}
