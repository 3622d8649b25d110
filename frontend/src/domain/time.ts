/**
 * Event time for people: New York wall clock of nanosecond stamps. A stamp in JavaScript is exact to about 256 ns,
 * enough to show and to order a screen; identity and resumption never rest on it.
 */

const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;

const offsets = new Map<number, number>();
const zone = new Intl.DateTimeFormat("en-US", {
  timeZone: "America/New_York",
  hourCycle: "h23",
  year: "numeric",
  month: "numeric",
  day: "numeric",
  hour: "numeric",
  minute: "numeric",
  second: "numeric",
});

/** Milliseconds to add to UTC for New York's clock; asked once per hour of event time. */
function newYorkOffset(ms: number): number {
  const hour = Math.floor(ms / HOUR_MS);
  const known = offsets.get(hour);
  if (known !== undefined) return known;
  const at = hour * HOUR_MS;
  const part = Object.fromEntries(zone.formatToParts(at).map((p) => [p.type, Number(p.value)])) as Record<
    string,
    number
  >;
  const n = (name: string) => part[name] ?? 0;
  const local = Date.UTC(n("year"), n("month") - 1, n("day"), n("hour"), n("minute"), n("second"));
  const offset = local - at;
  if (offsets.size > 10_000) offsets.clear();
  offsets.set(hour, offset);
  return offset;
}

/** Milliseconds of New York's clock, to be read as if UTC. */
export function newYorkMs(ts: number): number {
  // To the microsecond: beyond it lies what a JavaScript number cannot hold, and .250 must not read .249.
  const ms = Math.round(ts / 1e3) / 1e3;
  return ms + newYorkOffset(ms);
}

const two = (n: number) => (n < 10 ? `0${n}` : `${n}`);

/** "14:31:07" */
export function clock(ts: number): string {
  const day = ((newYorkMs(ts) % DAY_MS) + DAY_MS) % DAY_MS;
  const s = Math.floor(day / 1000);
  return `${two(Math.floor(s / 3600))}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
}

/** "14:31:07.250", the fraction cut, not rounded. */
export function clockMs(ts: number): string {
  const fraction = Math.floor(newYorkMs(ts)) % 1000;
  return `${clock(ts)}.${String((fraction + 1000) % 1000).padStart(3, "0")}`;
}

/** A number that grows by one at each New York midnight. */
export function dayOf(ts: number): number {
  return Math.floor(newYorkMs(ts) / DAY_MS);
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

export function monthName(month: number): string {
  return MONTHS[month - 1] ?? "?";
}

/** "Fri 16 Jan 2026" of a day number. */
export function dayName(day: number): string {
  const d = new Date(day * DAY_MS);
  return `${WEEKDAYS[d.getUTCDay()] ?? ""} ${d.getUTCDate()} ${monthName(d.getUTCMonth() + 1)} ${d.getUTCFullYear()}`;
}

/** Nanoseconds as text for a query, `marginMs` earlier or later to cover what a JavaScript number cannot hold. */
export function nsText(ts: number, marginMs = 0): string {
  return (BigInt(Math.trunc(ts)) + BigInt(marginMs) * 1_000_000n).toString();
}
