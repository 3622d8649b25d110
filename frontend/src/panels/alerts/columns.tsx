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
  Unknown,
} from "../../cells/cells";
import type { Alert } from "../../domain/events";
import { daysToExpiry } from "../../domain/contract";
import { leadOf } from "../../domain/lead";
import { clockMs } from "../../domain/time";
import { ruleName } from "../../domain/words";
import type { Column } from "../../table/columns";

/** An alert's rules, the leading one first where it is known. */
function byLead(alert: Alert): string[] {
  const lead = leadOf(alert);
  return [...new Set(lead === null ? alert.rules : [lead, ...alert.rules])];
}

/** The leading rule, or the structure that it speaks of; what else fired and how much was merged is never cut. */
function What({ alert }: { alert: Alert }) {
  const [first = "", ...others] = byLead(alert);
  const merged = alert.packets > 1 ? `; ${alert.packets} packets` : "";
  const named = [first, ...others].map(ruleName).join(", ");
  return (
    <span
      title={`${alert.style}: ${alert.structure ? `${alert.structure}; ` : ""}${named}${merged}${alert.withdrawn ? "; withdrawn" : ""}`}
      className={`${cellStyles.what} ${alert.withdrawn ? cellStyles.withdrawn : ""}`}
    >
      <span>{alert.structure ?? ruleName(first)}</span>
      <Muted>
        {others.length > 0 && ` +${others.length}`}
        {alert.packets > 1 && ` ×${alert.packets}`}
      </Muted>
    </span>
  );
}

/** The leading rule's confidence. Beside the name of another rule it would be read as that one's. */
function Label({ alert }: { alert: Alert }) {
  const lead = leadOf(alert);
  const value = alert.confidence.toFixed(2);
  if (lead === null)
    return <Unknown why={`${value} is the best of its rules' confidences; the evidence says which rule's`} />;
  return <Num title={`confidence that ${ruleName(lead)} is right; not an edge`}>{value}</Num>;
}

export const alertColumns: readonly Column<Alert>[] = [
  {
    id: "time",
    head: "time",
    about: "when the alert was last revised",
    width: "72px",
    cell: (a) => <Time ts={a.ts} />,
    text: (a) => clockMs(a.ts),
  },
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
    width: "minmax(196px, 1fr)",
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
    about: "the rule that leads, or its structure; + others that fired, × packets",
    width: "minmax(120px, 1.6fr)",
    cell: (a) => <What alert={a} />,
    text: (a) => byLead(a).join(","),
  },
  {
    id: "direction",
    head: "direction",
    width: "82px",
    cell: (a) => <DirectionMark direction={a.direction} />,
    text: (a) => a.direction,
  },
  {
    id: "premium",
    head: "premium",
    about: "dollars, multiplier included",
    width: "68px",
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
    about: "confidence that the leading rule's label is right; not an edge",
    width: "44px",
    align: "right",
    cell: (a) => <Label alert={a} />,
    text: (a) => (leadOf(a) === null ? "" : String(a.confidence)),
  },
];
