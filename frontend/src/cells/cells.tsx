/** One grammar: time, contract, side, placement, premium, severity and the unknown look the same everywhere. */
import type { ReactNode } from "react";
import { contractOf, daysToExpiry } from "../domain/contract";
import type { Alert, FlowPacket, MarkedPrint, SideName } from "../domain/events";
import { counted, exactMoney, money, whole } from "../domain/numbers";
import { clock, clockMs } from "../domain/time";
import { placementWords, sideRuleWords } from "../domain/words";
import css from "./cells.module.css";

export function Num({ children, title }: { children: ReactNode; title?: string | undefined }) {
  return (
    <span className={css.num} title={title}>
      {children}
    </span>
  );
}

/** What is not known is a dash that says why. */
export function Unknown({ why }: { why: string }) {
  return (
    <span className={css.unknown} title={why} aria-label={`unknown: ${why}`}>
      –
    </span>
  );
}

export function Muted({ children, title }: { children: ReactNode; title?: string | undefined }) {
  return (
    <span className={css.muted} title={title}>
      {children}
    </span>
  );
}

export function Time({ ts, ms = false }: { ts: number; ms?: boolean }) {
  return <Num title={ms ? undefined : `${clockMs(ts)} NY`}>{ms ? clockMs(ts) : clock(ts)}</Num>;
}

export function ContractName({ id }: { id: string }) {
  const contract = contractOf(id);
  if (!contract) return <span title="not an OCC contract id">{id}</span>;
  return (
    <span className={css.contract} title={id}>
      <b>{contract.root}</b>
      {contract.name.slice(contract.root.length)}
    </span>
  );
}

export function Days({ contract, ts }: { contract: string; ts: number }) {
  const days = daysToExpiry(contract, ts);
  if (days === null) return <Unknown why="the contract id says no expiry" />;
  return <Num title={days === 0 ? "expires today" : `${days} calendar days to expiry`}>{days}</Num>;
}

/** "7 days" in a sentence or a title; nothing where the id says no expiry. */
export function DaysLeft({ contract, ts }: { contract: string; ts: number }) {
  const days = daysToExpiry(contract, ts);
  if (days === null) return null;
  return (
    <span className={css.muted} title="calendar days to expiry">
      {days === 0 ? "expires today" : counted(days, "day")}
    </span>
  );
}

const GLYPHS = { buy: "▲", sell: "▼", mixed: "◆", none: "·" } as const;

export function Glyph({ side, title }: { side: SideName | "mixed"; title?: string | undefined }) {
  return (
    <span className={`${css.glyph} ${css[side]}`} title={title} role="img" aria-label={title ?? side}>
      {GLYPHS[side]}
    </span>
  );
}

export function DirectionMark({ direction, word = true }: { direction: Alert["direction"]; word?: boolean }) {
  const side =
    direction === "bullish" ? "buy" : direction === "bearish" ? "sell" : direction === "mixed" ? "mixed" : "none";
  return (
    <>
      <Glyph side={side} title={direction} />
      {word && <span className={css.word}>{direction}</span>}
    </>
  );
}

const LEVEL = { low: 1, medium: 2, high: 3 } as const;

export function SeverityBar({ severity }: { severity: Alert["severity"] }) {
  const level = LEVEL[severity];
  return (
    <span className={css.severity} role="img" aria-label={`${severity} severity`} title={`${severity} severity`}>
      {[1, 2, 3].map((n) => (
        <i key={n} className={n <= level ? css.on : undefined} />
      ))}
    </span>
  );
}

export function Premium({ dollars, also = "" }: { dollars: number | null | undefined; also?: string }) {
  if (dollars === null || dollars === undefined) return <Unknown why="the contract's multiplier is not known" />;
  return <Num title={`${exactMoney(dollars)}${also}`}>{money(dollars)}</Num>;
}

/** Depth of the tint says placement: beyond the quote full, at it medium, inside faint. */
export function tintOf(print: MarkedPrint): string {
  const depth = { above_ask: "Full", below_bid: "Full", ask: "Medium", bid: "Medium", inside: "Faint" }[
    print.placement as string
  ];
  const at = { above_ask: "buy", ask: "buy", bid: "sell", below_bid: "sell" }[print.placement as string];
  const side = at ?? (print.side === "buy" || print.side === "sell" ? print.side : undefined);
  return (depth && side && css[`${side}${depth}`]) || "";
}

export function Placed({ print, children }: { print: MarkedPrint; children: ReactNode }) {
  return (
    <span className={`${css.placed} ${tintOf(print)}`} title={placementWords(print.placement)}>
      {children}
    </span>
  );
}

export function SideMark({ print }: { print: MarkedPrint }) {
  const side = print.side ?? "none";
  const rule = print.side_rule ?? "none";
  return (
    <Glyph
      side={side}
      title={side === "none" ? "side unknown: no rule decides" : `${side}, by ${sideRuleWords(rule)}`}
    />
  );
}

export function SideConfidence({ print }: { print: MarkedPrint }) {
  const rule = print.side_rule ?? "none";
  if (rule === "none" || !print.side_confidence)
    return <Unknown why="no rule decides the side, so there is no confidence" />;
  return (
    <span title={`accuracy measured for this rule: ${sideRuleWords(rule)}`}>
      <Num>{print.side_confidence.toFixed(2)}</Num> <Muted>{rule.replace("_", " ")}</Muted>
    </span>
  );
}

/** Where the print lies between bid and ask. */
export function SpreadSpot({ print }: { print: MarkedPrint }) {
  const { position } = print;
  if (position === null || position === undefined) return <Unknown why={placementWords(print.placement)} />;
  const at = Math.min(Math.max(position, -0.15), 1.15);
  return (
    <span
      className={`${css.spot} ${css[print.side ?? "none"]}`}
      title={`${placementWords(print.placement)} (${position} of the spread)`}
    >
      <span className={css.spotTrack}>
        <i style={{ left: `${at * 100}%` }} />
      </span>
    </span>
  );
}

/** Size by placement, from below the bid to above the ask. */
export function PlacementMix({ packet }: { packet: FlowPacket }) {
  const parts = [
    ["mixSellFull", packet.below_bid_size ?? 0, "below the bid"],
    ["mixSell", packet.bid_size ?? 0, "at the bid"],
    ["mixInside", packet.inside_size ?? 0, "inside"],
    ["mixBuy", packet.ask_size ?? 0, "at the ask"],
    ["mixBuyFull", packet.above_ask_size ?? 0, "above the ask"],
  ] as const;
  if (packet.covered_size === 0) return <Unknown why="no print of it had a usable quote" />;
  const title = parts
    .filter(([, size]) => size > 0)
    .map(([, size, words]) => `${whole(size)} ${words}`)
    .join(", ");
  return (
    <span className={css.mix} title={title} role="img" aria-label={title}>
      {parts.map(
        ([name, size]) =>
          size > 0 && <i key={name} className={css[name]} style={{ width: `${(size / packet.size) * 100}%` }} />,
      )}
    </span>
  );
}

export const cellStyles = css;
