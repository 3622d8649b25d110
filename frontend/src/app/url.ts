/** What the address says: the filter in the query, the opened row in the hash. */

import type { AlertFilter } from "../domain/alertFilter";
import { DIRECTIONS, SEVERITIES } from "../domain/alertFilter";

export interface Selected {
  readonly topic: string;
  readonly id: string;
}

export interface Place extends AlertFilter {
  readonly tickers: readonly string[];
  readonly selected: Selected | null;
}

export const MAX_TICKERS = 20;
const TICKER = /^[A-Z][A-Z0-9.]{0,15}$/;

function wordsOf(text: string): string[] {
  return text
    .toUpperCase()
    .split(/[\s,;]+/)
    .filter(Boolean);
}

/** "spy, nvda" -> ["SPY", "NVDA"]; null when a word is no ticker. */
export function readTickers(text: string): string[] | null {
  const words = wordsOf(text);
  if (words.length > MAX_TICKERS || !words.every((word) => TICKER.test(word))) return null;
  return [...new Set(words)];
}

/** Why a text names no tickers. */
export function tickerFault(text: string): string {
  const words = wordsOf(text);
  const bad = words.find((word) => !TICKER.test(word));
  return bad === undefined ? `${words.length} tickers are more than ${MAX_TICKERS}.` : `“${bad}” is no ticker.`;
}

export function readPlace(search: string, hash: string): Place {
  const params = new URLSearchParams(search);
  const min = Number(params.get("min") ?? 0);
  return {
    tickers: readTickers(params.get("t") ?? "") ?? [],
    minPremium: Number.isFinite(min) && min > 0 ? min : 0,
    severity: SEVERITIES.find((each) => each === params.get("sev")) ?? "low",
    direction: DIRECTIONS.find((each) => each === params.get("dir")) ?? "any",
    selected: readSelected(hash),
  };
}

function readSelected(hash: string): Selected | null {
  const match = /^#\/([a-z.]+)\/(.+)$/.exec(hash);
  if (!match?.[1] || !match[2]) return null;
  try {
    return { topic: match[1], id: decodeURIComponent(match[2]) };
  } catch {
    return null;
  }
}

export function writePlace(place: Place): string {
  const params = new URLSearchParams();
  if (place.tickers.length) params.set("t", place.tickers.join(","));
  if (place.minPremium > 0) params.set("min", String(place.minPremium));
  if (place.severity !== "low") params.set("sev", place.severity);
  if (place.direction !== "any") params.set("dir", place.direction);
  const query = params.toString().replaceAll("%2C", ",");
  const hash = place.selected
    ? `#/${place.selected.topic}/${encodeURIComponent(place.selected.id).replaceAll("%3A", ":")}`
    : "";
  return `${query ? `?${query}` : ""}${hash}`;
}
