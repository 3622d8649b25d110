/** The tape's columns: option prints with their quotes, option prints as they arrive, equity prints. */
import type { ReactNode } from "react";
import {
  ContractName,
  Days,
  Muted,
  Num,
  Placed,
  Premium,
  SideConfidence,
  SideMark,
  SpreadSpot,
  Time,
  Unknown,
} from "../../cells/cells";
import { daysToExpiry } from "../../domain/contract";
import type { EquityPrint, MarkedPrint, OptionPrint } from "../../domain/events";
import { exactMoney, money, price, shares, signed, whole } from "../../domain/numbers";
import { clockMs } from "../../domain/time";
import {
  equityConditions,
  equityVenue,
  isOffExchange,
  isPlaced,
  optionConditions,
  optionVenue,
  placementWords,
} from "../../domain/words";
import type { Column } from "../../table/columns";

type AnyOption = MarkedPrint | OptionPrint;

function venue(code: string | null | undefined, table: (code: string) => readonly [string, string]): ReactNode {
  if (!code) return <Unknown why="the feed names no venue" />;
  const [short, full] = table(code);
  return <span title={full}>{short}</span>;
}

const SIDE_OF_PLACE: Partial<Record<MarkedPrint["placement"], "buy" | "sell">> = {
  ask: "buy",
  above_ask: "buy",
  bid: "sell",
  below_bid: "sell",
};

/** Size of the quote that the print hit, or why it is not known. */
function quoted(p: MarkedPrint): number | string {
  const side = SIDE_OF_PLACE[p.placement] ?? p.side;
  if (side !== "buy" && side !== "sell") return "its side is not known, and with it which quoted size it hit";
  return (side === "sell" ? p.bid_size : p.ask_size) ?? "no quoted size";
}

function SizeAgainstQuote({ print }: { print: MarkedPrint }) {
  const shown = quoted(print);
  return (
    <>
      <Num>{whole(print.size)}</Num>
      <Muted title={typeof shown === "string" ? shown : `${whole(shown)} were quoted on the side it hit`}>
        {" "}
        / <Num>{(typeof shown === "string" ? "–" : whole(shown)).padStart(3, "\u2007")}</Num>
      </Muted>
    </>
  );
}

function Quote({ print }: { print: MarkedPrint }) {
  const { bid, ask } = print;
  if (bid === null || bid === undefined || ask === null || ask === undefined)
    return <Unknown why={placementWords(print.placement)} />;
  return (
    <Muted title={placementWords(print.placement)}>
      <Num>
        {price(bid)} × {price(ask)}
      </Num>
    </Muted>
  );
}

interface ValueProps {
  value: number | null | undefined;
  shown: (value: number) => string;
  why: string;
}

function Value({ value, shown, why }: ValueProps) {
  return typeof value === "number" ? <Num>{shown(value)}</Num> : <Unknown why={why} />;
}

function noValue(p: MarkedPrint): string {
  if (typeof p.spot !== "number") return "no price of the underlying is known";
  return "below intrinsic value, or too near to expiry, for an implied volatility";
}

function VolumeAgainstInterest({ print }: { print: MarkedPrint }) {
  const { volume = 0, open_interest: interest } = print;
  const above = typeof interest === "number" && volume > interest;
  return (
    <span title={above ? "more traded today than was open this morning" : undefined}>
      <Num>{whole(volume)}</Num>
      <Muted>
        {" "}
        / <Num>{typeof interest === "number" ? whole(interest) : "–"}</Num>
      </Muted>
    </span>
  );
}

function remarks(p: MarkedPrint): string {
  const words = optionConditions((p.conditions ?? []).filter((code) => code !== "I"));
  const faults = isPlaced(p.placement) ? "" : placementWords(p.placement);
  return [
    words,
    p.halted ? "halted" : "",
    p.limit_state ? "limit state" : "",
    p.arrived_late ? "arrived late" : "",
    faults,
    p.tie ? "quote at the same instant not used" : "",
  ]
    .filter(Boolean)
    .join(", ");
}

const time: Column<{ ts: number }> = {
  id: "time",
  head: "time",
  about: "event time, New York",
  width: "104px",
  cell: (p) => <Time ts={p.ts} ms />,
  text: (p) => clockMs(p.ts),
};
const contract: Column<AnyOption> = {
  id: "contract",
  head: "contract",
  width: "minmax(184px, 190px)",
  cell: (p) => <ContractName id={p.contract} />,
  text: (p) => p.contract,
};
const days: Column<AnyOption> = {
  id: "dte",
  head: "dte",
  about: "calendar days to expiry",
  width: "42px",
  align: "right",
  cell: (p) => <Days contract={p.contract} ts={p.ts} />,
  text: (p) => String(daysToExpiry(p.contract, p.ts) ?? ""),
};
const optionVenueColumn: Column<AnyOption> = {
  id: "venue",
  head: "venue",
  width: "64px",
  cell: (p) => <Muted>{venue(p.exchange, optionVenue)}</Muted>,
  text: (p) => p.exchange ?? "",
};

export const markedColumns: readonly Column<MarkedPrint>[] = [
  time,
  {
    id: "side",
    head: "",
    about: "▲ buy, ▼ sell, · not known",
    width: "28px",
    align: "center",
    cell: (p) => (
      <Placed print={p}>
        <SideMark print={p} />
      </Placed>
    ),
    text: (p) => p.side ?? "none",
  },
  {
    id: "price",
    head: "price",
    about: "dollars per share; the tint says where in its quote",
    width: "66px",
    align: "right",
    cell: (p) => (
      <Placed print={p}>
        <Num>{price(p.price)}</Num>
      </Placed>
    ),
    text: (p) => String(p.price),
  },
  contract,
  days,
  {
    id: "size",
    head: "size / quoted",
    about: "contracts / size shown on the side it hit",
    width: "104px",
    align: "right",
    cell: (p) => <SizeAgainstQuote print={p} />,
    text: (p) => String(p.size),
  },
  {
    id: "premium",
    head: "premium",
    about: "dollars, multiplier included",
    width: "78px",
    align: "right",
    cell: (p) => <Premium dollars={p.premium} />,
    text: (p) => String(p.premium ?? ""),
  },
  {
    id: "quote",
    head: "bid × ask",
    about: "the last quote before it, dollars",
    width: "128px",
    align: "right",
    cell: (p) => <Quote print={p} />,
    text: (p) => `${p.bid ?? ""} x ${p.ask ?? ""}`,
  },
  {
    id: "placement",
    head: "bid – ask",
    about: "where it lies in its quote",
    width: "76px",
    align: "center",
    cell: (p) => <SpreadSpot print={p} />,
    text: (p) => p.placement,
  },
  {
    id: "confidence",
    head: "side confidence",
    about: "measured accuracy of the rule that decided the side",
    width: "118px",
    cell: (p) => <SideConfidence print={p} />,
    text: (p) => `${p.side_confidence ?? ""} ${p.side_rule ?? ""}`,
  },
  {
    id: "iv",
    head: "iv",
    about: "implied volatility, % a year, from the price of the print",
    width: "52px",
    align: "right",
    cell: (p) => <Value value={p.iv} shown={(iv) => (iv * 100).toFixed(1)} why={noValue(p)} />,
    text: (p) => String(p.iv ?? ""),
  },
  {
    id: "delta",
    head: "delta",
    width: "52px",
    align: "right",
    cell: (p) => <Value value={p.delta} shown={(delta) => signed(delta, 2)} why={noValue(p)} />,
    text: (p) => String(p.delta ?? ""),
  },
  {
    id: "interest",
    head: "vol / oi",
    about: "contracts traded today / open interest of the trading date before",
    width: "122px",
    align: "right",
    cell: (p) => <VolumeAgainstInterest print={p} />,
    text: (p) => `${p.volume ?? ""}/${p.open_interest ?? ""}`,
  },
  optionVenueColumn,
  {
    id: "conditions",
    head: "conditions",
    width: "minmax(120px, 1fr)",
    cell: (p) => <Muted title={(p.conditions ?? []).join(" ")}>{remarks(p)}</Muted>,
    text: remarks,
  },
];

export const printColumns: readonly Column<OptionPrint>[] = [
  time,
  contract,
  days,
  {
    id: "price",
    head: "price",
    about: "dollars per share",
    width: "72px",
    align: "right",
    cell: (p) => <Num>{price(p.price)}</Num>,
    text: (p) => String(p.price),
  },
  {
    id: "size",
    head: "size",
    about: "contracts",
    width: "72px",
    align: "right",
    cell: (p) => <Num>{whole(p.size)}</Num>,
    text: (p) => String(p.size),
  },
  optionVenueColumn,
  {
    id: "conditions",
    head: "conditions",
    width: "minmax(160px, 1fr)",
    cell: (p) => <Muted>{[p.kind ?? "", optionConditions(p.conditions)].filter(Boolean).join(", ")}</Muted>,
    text: (p) => optionConditions(p.conditions),
  },
];

export const equityColumns: readonly Column<EquityPrint>[] = [
  time,
  { id: "symbol", head: "ticker", width: "80px", cell: (p) => <b>{p.symbol}</b>, text: (p) => p.symbol },
  {
    id: "price",
    head: "price",
    about: "dollars per share",
    width: "92px",
    align: "right",
    cell: (p) => <Num>{price(p.price)}</Num>,
    text: (p) => String(p.price),
  },
  {
    id: "size",
    head: "size",
    about: "shares",
    width: "92px",
    align: "right",
    cell: (p) => <Num>{shares(p.size)}</Num>,
    text: (p) => String(p.size),
  },
  {
    id: "value",
    head: "value",
    about: "dollars",
    width: "88px",
    align: "right",
    cell: (p) => <Num title={exactMoney(p.price * p.size)}>{money(p.price * p.size)}</Num>,
    text: (p) => (p.price * p.size).toFixed(2),
  },
  {
    id: "venue",
    head: "venue",
    about: "D is off-exchange: a FINRA facility, nothing more is known",
    width: "124px",
    cell: (p) =>
      isOffExchange(p.exchange) ? (
        <span title={equityVenue("D")[1]}>
          <Num>D</Num> off-exchange
        </span>
      ) : (
        <Muted>{venue(p.exchange, equityVenue)}</Muted>
      ),
    text: (p) => p.exchange ?? "",
  },
  {
    id: "conditions",
    head: "conditions",
    width: "minmax(160px, 1fr)",
    cell: (p) => <Muted>{[p.kind ?? "", equityConditions(p.conditions)].filter(Boolean).join(", ")}</Muted>,
    text: (p) => equityConditions(p.conditions),
  },
];
