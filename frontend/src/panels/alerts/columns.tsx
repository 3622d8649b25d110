/** The alert list's columns. */
import { ContractName, Days, DirectionMark, Muted, Num, Premium, SeverityBar, Time } from "../../cells/cells";
import type { Alert } from "../../domain/events";
import { daysToExpiry } from "../../domain/contract";
import { clockMs } from "../../domain/time";
import { ruleName } from "../../domain/words";
import type { Column } from "../../table/columns";

function what(alert: Alert): string {
  const names = [...new Set(alert.rules.map(ruleName))];
  return names.join(", ");
}

export const alertColumns: readonly Column<Alert>[] = [
  { id: "time", head: "time", width: "68px", cell: (a) => <Time ts={a.ts} />, text: (a) => clockMs(a.ts) },
  { id: "severity", head: "sev", about: "severity: one to three segments", width: "34px", cell: (a) => <SeverityBar severity={a.severity} />, text: (a) => a.severity },
  { id: "contract", head: "contract", width: "minmax(150px, 1.1fr)", cell: (a) => <ContractName id={a.contract} />, text: (a) => a.contract },
  { id: "dte", head: "dte", about: "calendar days to expiry", width: "38px", align: "right", cell: (a) => <Days contract={a.contract} ts={a.ts} />, text: (a) => String(daysToExpiry(a.contract, a.ts) ?? "") },
  {
    id: "what", head: "what", about: "the rules that fired; × packets merged", width: "minmax(96px, 1fr)",
    cell: (a) => <>{what(a)}{a.packets > 1 && <Muted title={`${a.packets} packets merged into this alert`}> ×{a.packets}</Muted>}</>,
    text: (a) => a.rules.join(","),
  },
  { id: "direction", head: "direction", width: "84px", cell: (a) => <DirectionMark direction={a.direction} />, text: (a) => a.direction },
  { id: "premium", head: "premium", about: "dollars, multiplier included", width: "72px", align: "right", cell: (a) => <Premium dollars={a.premium} />, text: (a) => String(a.premium ?? "") },
  { id: "score", head: "score", about: "0 to 100: how much there is to look at", width: "48px", align: "right", cell: (a) => <Num title={a.score.toFixed(2)}>{a.score.toFixed(0)}</Num>, text: (a) => String(a.score) },
  { id: "confidence", head: "label", about: "confidence that the label is right; not an edge", width: "46px", align: "right", cell: (a) => <Num title="confidence that the label is right; not an edge">{a.confidence.toFixed(2)}</Num>, text: (a) => String(a.confidence) },
];
