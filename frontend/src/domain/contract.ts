/** Option symbology for the eye: `NVDA260116C00450000` reads `NVDA 16 Jan 26 450 C`. */
import { dayOf, monthName } from "./time";

export interface Contract {
  readonly id: string;
  readonly root: string;
  readonly right: "C" | "P";
  readonly strike: number;
  readonly name: string;
  /** Expiry as a day number (days since the epoch). */
  readonly expiryDay: number;
}

const OCC = /^([A-Z]{1,6}|[A-Z]{1,5}[0-9])(\d{2})(\d{2})(\d{2})([CP])(\d{8})$/;
const LIMIT = 20_000;
const cache = new Map<string, Contract | null>();

/** Null when the id is not a compact OCC form. */
export function contractOf(id: string): Contract | null {
  const known = cache.get(id);
  if (known !== undefined) return known;
  if (cache.size >= LIMIT) cache.clear();
  const parsed = parse(id);
  cache.set(id, parsed);
  return parsed;
}

function parse(id: string): Contract | null {
  const m = OCC.exec(id);
  if (!m) return null;
  const [, root = "", yy = "", mm = "", dd = "", right = "C", raw = "0"] = m;
  const strike = Number(raw) / 1000;
  return {
    id,
    root,
    strike,
    right: right === "P" ? "P" : "C",
    name: `${root} ${Number(dd)} ${monthName(Number(mm))} ${yy} ${strike} ${right}`,
    expiryDay: Math.floor(Date.UTC(2000 + Number(yy), Number(mm) - 1, Number(dd)) / 86_400_000),
  };
}

/** Calendar days from the event's New York date to expiry; null when the id says no date. */
export function daysToExpiry(id: string, ts: number): number | null {
  const contract = contractOf(id);
  return contract ? contract.expiryDay - dayOf(ts) : null;
}

/** The contract as people read it; its id where it is no compact OCC form. */
export function contractName(id: string): string {
  return contractOf(id)?.name ?? id;
}
