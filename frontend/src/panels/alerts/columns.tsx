/** The alert list's columns. */
import {
  cellStyles,
  ContractName,
  Days,
  DirectionMark,
  Muted,
  Num,
  Premium,
  SeverityBar,
  Time,
} from "../../cells/cells";
import type { Alert } from "../../domain/events";
import { daysToExpiry } from "../../domain/contract";
import { clockMs } from "../../domain/time";
import { ruleName } from "../../domain/words";
import type { Column } from "../../table/columns";

function What({ alert }: { alert: Alert }) {
  const rules = [...new Set(alert.rules.map(ruleName))];
  const [first, ...others] = alert.structure ? [alert.structure, ...rules] : rules;
  const merged = alert.packets > 1 ? `; ${alert.packets} packets merged` : "";
  return (
    <span
      title={`${alert.style}: ${[first, ...others].join(", ")}${merged}${alert.withdrawn ? "; withdrawn" : ""}`}
      className={alert.withdrawn ? cellStyles.withdrawn : undefined}
    >
      {first}
      <Muted>
        {others.length > 0 && ` +${others.length}`}
        {alert.packets > 1 && ` ×${alert.packets}`}
      </Muted>
    </span>
  );
}

export const alertColumns: readonly Column<Alert>[] = [
  { id: "time", head: "time", width: "74px", cell: (a) => <Time ts={a.ts} />, text: (a) => clockMs(a.ts) },
  {
    id: "severity",
    head: "sev",
    about: "severity: one to three segments",
    width: "32px",
    cell: (a) => <SeverityBar severity={a.severity} />,
    text: (a) => a.severity,
  },
  {
    id: "contract",
    head: "contract",
    width: "minmax(178px, 1fr)",
    cell: (a) => <ContractName id={a.contract} />,
    text: (a) => a.contract,
  },
  {
    id: "dte",
    head: "dte",
    about: "calendar days to expiry",
    width: "36px",
    align: "right",
    cell: (a) => <Days contract={a.contract} ts={a.ts} />,
    text: (a) => String(daysToExpiry(a.contract, a.ts) ?? ""),
  },
  {
    id: "what",
    head: "what",
    about: "the rule that fired, + others, × packets merged",
    width: "minmax(138px, 1.6fr)",
    cell: (a) => <What alert={a} />,
    text: (a) => a.rules.join(","),
  },
  {
    id: "direction",
    head: "direction",
    width: "86px",
    cell: (a) => <DirectionMark direction={a.direction} />,
    text: (a) => a.direction,
  },
  {
    id: "premium",
    head: "premium",
    about: "dollars, multiplier included",
    width: "66px",
    align: "right",
    cell: (a) => <Premium dollars={a.premium} />,
    text: (a) => String(a.premium ?? ""),
  },
  {
    id: "score",
    head: "score",
    about: "0 to 100: how much there is to look at",
    width: "46px",
    align: "right",
    cell: (a) => <Num title={a.score.toFixed(2)}>{a.score.toFixed(0)}</Num>,
    text: (a) => String(a.score),
  },
  {
    id: "confidence",
    head: "label",
    about: "confidence that the label is right; not an edge",
    width: "44px",
    align: "right",
    cell: (a) => <Num title="confidence that the label is right; not an edge">{a.confidence.toFixed(2)}</Num>,
    text: (a) => String(a.confidence),
  },
];
