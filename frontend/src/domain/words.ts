/** Venues and sale conditions in words, as short as the screen needs, whole on hover. */

type Name = readonly [short: string, full: string];

const OPTION_VENUES: Record<string, Name> = {
  A: ["AMEX", "NYSE American Options"],
  B: ["BOX", "BOX Options"],
  C: ["CBOE", "Cboe Options"],
  D: ["EMLD", "MIAX Emerald"],
  E: ["EDGX", "Cboe EDGX Options"],
  G: ["MX2", "MEMX second options venue"],
  H: ["GEMX", "Nasdaq GEMX"],
  I: ["ISE", "Nasdaq ISE"],
  J: ["MRX", "Nasdaq MRX"],
  M: ["MIAX", "MIAX Options"],
  N: ["ARCA", "NYSE Arca Options"],
  O: ["OPRA", "OPRA itself"],
  P: ["PERL", "MIAX Pearl"],
  Q: ["NOM", "Nasdaq Options Market"],
  S: ["SPHR", "MIAX Sapphire"],
  T: ["BX", "Nasdaq BX (Texas) Options"],
  U: ["MEMX", "MEMX Options"],
  V: ["IEX", "IEX Options"],
  W: ["C2", "Cboe C2 Options"],
  X: ["PHLX", "Nasdaq PHLX"],
  Z: ["BZX", "Cboe BZX Options"],
};

const EQUITY_VENUES: Record<string, Name> = {
  A: ["AMEX", "NYSE American"],
  B: ["BX", "Nasdaq Texas (BX)"],
  C: ["NSX", "NYSE National"],
  D: [
    "off-exchange",
    "Reported to a FINRA facility: off-exchange. It covers dark pools, wholesalers and bilateral trades alike; the tape does not say which.",
  ],
  G: ["24X", "24X National Exchange"],
  H: ["PERL", "MIAX Pearl Equities"],
  I: ["ISE", "Nasdaq ISE"],
  J: ["EDGA", "Cboe EDGA"],
  K: ["EDGX", "Cboe EDGX"],
  L: ["LTSE", "Long-Term Stock Exchange"],
  M: ["TX", "NYSE Texas"],
  N: ["NYSE", "New York Stock Exchange"],
  P: ["ARCA", "NYSE Arca"],
  Q: ["NSDQ", "Nasdaq"],
  T: ["NSDQ", "Nasdaq"],
  U: ["MEMX", "Members Exchange"],
  V: ["IEX", "Investors Exchange"],
  W: ["CBSX", "Cboe Stock Exchange"],
  X: ["PSX", "Nasdaq PSX"],
  Y: ["BYX", "Cboe BYX"],
  Z: ["BZX", "Cboe BZX"],
};

export function optionVenue(code: string): Name {
  return OPTION_VENUES[code] ?? [code, `Venue ${code}`];
}

export function equityVenue(code: string): Name {
  return EQUITY_VENUES[code] ?? [code, `Venue ${code}`];
}

/** `D` is a FINRA facility: off-exchange is what is known, nothing more. */
export function isOffExchange(code: string | null | undefined): boolean {
  return code === "D" || code === "FINN" || code === "FINY" || code === "FINC";
}

const OPTION_CONDITIONS: Record<string, string> = {
  A: "cancel",
  B: "late, out of sequence",
  C: "cancel of last",
  D: "late",
  E: "cancel of opening",
  F: "late opening",
  G: "cancel of only",
  H: "late opening",
  I: "electronic",
  J: "reopening",
  S: "sweep",
  a: "auction",
  b: "auction sweep",
  c: "cross",
  d: "cross sweep",
  e: "floor",
  f: "multi-leg",
  g: "multi-leg auction",
  h: "multi-leg cross",
  i: "multi-leg floor",
  j: "multi-leg vs single",
  k: "stock-tied auction",
  l: "multi-leg auction vs single",
  m: "multi-leg floor vs single",
  n: "stock-tied",
  o: "stock-tied cross",
  p: "stock-tied floor",
  q: "stock-tied vs single",
  r: "stock-tied auction vs single",
  s: "stock-tied floor vs single",
  t: "proprietary floor",
  u: "compression",
  v: "extended hours",
  K: "adjusted terms",
  L: "spread",
  M: "straddle",
  N: "stopped",
  O: "cancel of stopped",
  P: "buy-write",
  Q: "combination",
  R: "stopped at premium",
  T: "benchmark",
  X: "trade-through exempt",
};

const EQUITY_CONDITIONS: Record<string, string> = {
  " ": "",
  "@": "",
  A: "acquisition",
  B: "average price",
  C: "cash settlement",
  D: "distribution",
  E: "automatic",
  F: "sweep",
  G: "bunched sold",
  H: "price variation",
  I: "odd lot",
  K: "rule 127/155",
  L: "sold last",
  M: "official close",
  N: "next day",
  O: "opening",
  P: "prior reference price",
  Q: "official open",
  R: "seller's terms",
  T: "extended hours",
  U: "extended hours, late",
  V: "contingent",
  W: "average price",
  X: "cross",
  Y: "yellow flag",
  Z: "late, out of sequence",
  4: "derivatively priced",
  5: "reopening",
  6: "closing",
  7: "qualified contingent",
  9: "corrected close",
};

function inWords(codes: readonly string[] | undefined, table: Record<string, string>): string {
  const words = (codes ?? []).map((code) => table[code] ?? code).filter((word) => word !== "");
  return [...new Set(words)].join(", ");
}

export function optionConditions(codes: readonly string[] | undefined): string {
  return inWords(codes, OPTION_CONDITIONS);
}

export function equityConditions(codes: readonly string[] | undefined): string {
  return inWords(codes, EQUITY_CONDITIONS);
}

const PLACEMENTS: Record<string, string> = {
  above_ask: "above the ask",
  ask: "at the ask",
  inside: "inside the quote",
  bid: "at the bid",
  below_bid: "below the bid",
  missing: "no quote before this print",
  stale: "the last quote is too old",
  locked: "the quote is locked (bid equals ask)",
  crossed: "the quote is crossed (bid above ask)",
  not_firm: "the quote is not firm",
};

const PLACED = new Set(["above_ask", "ask", "inside", "bid", "below_bid"]);

/** Whether the print has a place in a quote; the other placements say why it has none. */
export function isPlaced(placement: string): boolean {
  return PLACED.has(placement);
}

export function placementWords(placement: string): string {
  return PLACEMENTS[placement] ?? placement;
}

const SIDE_RULES: Record<string, string> = {
  trade_size: "its size equals one quoted size",
  quote: "its price against the quote",
  depth: "the sizes at the midpoint",
  tick: "the price before it",
  none: "no rule decides",
};

export function sideRuleWords(rule: string): string {
  return SIDE_RULES[rule] ?? rule;
}

const RULES: Record<string, string> = {
  large_bullish_call_sweep: "call sweep",
  large_bearish_put_sweep: "put sweep",
  unusual_contract_spike: "contract spike",
  large_block: "block",
  large_call_sell_overwrite: "calls sold",
  large_put_sell_write: "puts sold",
  new_position_likely: "likely opening",
  closing_unwind_likely: "likely closing",
  zero_dte_gamma_punch: "0DTE gamma",
  far_dated_conviction: "far dated",
  vertical_spread: "vertical",
  ladder_accumulation: "ladder",
  no_follow_through: "no follow-through",
  protective_put_hedge: "protective put",
  collar_hedge: "collar",
  arbitrage_structure: "arbitrage",
};

const TIES: Record<string, string> = {
  conditions: "The tape flags its legs as one complex order",
  instant: "Its legs printed at one instant on one venue",
  timing: "Its legs are near in time and of equal size; nothing else ties them",
};

export function structureEvidence(evidence: string): string {
  return TIES[evidence] ?? evidence;
}

/** A rule's short name; an unknown one is its id with spaces. */
export function ruleName(rule: string): string {
  return RULES[rule] ?? rule.replaceAll("_", " ");
}
