/** Numbers as the terminal writes them; what is unknown is null here and a dash with a reason on the screen. */

const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const cents = new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });

export function whole(n: number): string {
  return grouped.format(n);
}

/** "1 day", "1,480 contracts" */
export function counted(n: number, noun: string): string {
  return `${whole(n)} ${noun}${n === 1 ? "" : "s"}`;
}

/** "$412.5k", "$1.2M": always one decimal, so that columns align on it. */
export function money(dollars: number): string {
  const size = Math.abs(dollars);
  if (size > 0 && size < 50) return "<$0.1k";
  const sign = dollars < 0 ? "−$" : "$";
  if (size >= 999_950_000) return `${sign}${(size / 1e9).toFixed(1)}B`;
  if (size >= 999_950) return `${sign}${(size / 1e6).toFixed(1)}M`;
  return `${sign}${(size / 1e3).toFixed(1)}k`;
}

export function exactMoney(dollars: number): string {
  return `${dollars < 0 ? "−" : ""}$${cents.format(Math.abs(dollars))}`;
}

/** A price with two decimals, four where the third matters. */
export function price(p: number): string {
  return Math.abs(p * 100 - Math.round(p * 100)) < 1e-6 ? p.toFixed(2) : p.toFixed(4);
}

/** Shares are decimal; whole ones show none of it. */
export function shares(n: number): string {
  return Number.isInteger(n) ? whole(n) : n.toLocaleString("en-US", { maximumFractionDigits: 4 });
}

export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

export function signed(n: number, digits = 1): string {
  const size = Math.abs(n).toFixed(digits);
  return Number(size) === 0 ? size : `${n < 0 ? "−" : "+"}${size}`;
}

/** A check's number: money, counts and ratios in their own scale. */
export function figure(n: number): string {
  if (Number.isInteger(n)) return whole(n);
  return Math.abs(n) >= 1000 ? cents.format(n) : String(Math.round(n * 1000) / 1000);
}

/** The shortest way to type an amount that reads back as exactly that: "50k", "412.48k", "1.2M", "25". */
export function typedMoney(dollars: number): string {
  const ways = [`${dollars / 1e3}k`, `${dollars / 1e6}M`, `${dollars}`];
  const exact = ways.filter((way) => readMoney(way) === dollars);
  return exact.reduce((best, way) => (way.length < best.length ? way : best), `${dollars}`);
}

/** Reads "50k", "1.2M", "40000", "$40,000"; null when it is none of these. */
export function readMoney(text: string): number | null {
  const m = /^\$?\s*([\d,]*\.?\d+)\s*([kKmM]?)$/.exec(text.trim());
  if (!m) return null;
  const scale = { "": 1, k: 1e3, m: 1e6 }[(m[2] ?? "").toLowerCase()] ?? 1;
  const value = Number((m[1] ?? "").replaceAll(",", "")) * scale;
  return Number.isFinite(value) ? value : null;
}
