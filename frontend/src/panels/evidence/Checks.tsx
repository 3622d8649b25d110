/** One rule's checks: observed, comparison, threshold, margin; those that only inform stand back. */
import { DirectionMark, Num, Unknown } from "../../cells/cells";
import type { Alert, Check } from "../../domain/events";
import type { NearMiss } from "../../domain/evidence";
import { margin } from "../../domain/evidence";
import { figure } from "../../domain/numbers";
import { ruleName } from "../../domain/words";
import css from "./Evidence.module.css";

const SIGN: Record<string, string> = { ">=": "≥", "<=": "≤", "==": "=", "!=": "≠", ">": ">", "<": "<" };

function Value({ value }: { value: Check["observed"] }) {
  if (value === null || value === undefined)
    return <Unknown why="not observed: there was nothing to measure it with" />;
  return <Num>{typeof value === "number" ? figure(value) : value.replaceAll("_", " ")}</Num>;
}

/** Words have no margin; several of them take its place. */
function isLong(threshold: Check["threshold"]): boolean {
  return typeof threshold === "string" && threshold.length > 12;
}

/** In brackets where the check only informs. */
function verdict(check: Check): string {
  const word = check.passed ? "passes" : "fails";
  return check.required === false ? `(${word})` : word;
}

interface ChecksProps {
  rule: string;
  version: number;
  direction: Alert["direction"];
  confidence: number | null;
  checks: readonly Check[];
}

export function Checks({ rule, version, direction, confidence, checks }: ChecksProps) {
  return (
    <section className={css.section}>
      <h3>
        {ruleName(rule)} <span title={rule}>version {version}</span>{" "}
        <span>
          <DirectionMark direction={direction} />
        </span>
        {confidence !== null && (
          <span title="that the label is right, by the rule's own formula; not an edge">
            confidence of the label <Num>{confidence.toFixed(2)}</Num>
          </span>
        )}
      </h3>
      <table className={css.checks}>
        <thead>
          <tr>
            <th className={css.name}>check</th>
            <th className={`${css.right} ${css.number}`}>observed</th>
            <th className={css.sign} />
            <th className={`${css.right} ${css.number}`}>threshold</th>
            <th className={`${css.right} ${css.number}`}>margin</th>
            <th className={css.number} />
          </tr>
        </thead>
        <tbody>
          {checks.map((check) => (
            <tr
              key={check.name}
              className={check.required === false ? css.informs : undefined}
              title={check.required === false ? "informs; does not decide" : undefined}
            >
              <td className={css.name}>{check.name}</td>
              <td className={css.right}>
                <Value value={check.observed} />
              </td>
              <td className={css.sign}>{SIGN[check.comparison] ?? check.comparison}</td>
              <td
                className={isLong(check.threshold) ? `${css.right} ${css.clipped}` : css.right}
                colSpan={isLong(check.threshold) ? 2 : 1}
                title={isLong(check.threshold) ? String(check.threshold).replaceAll("_", " ") : undefined}
              >
                <Value value={check.threshold} />
              </td>
              {!isLong(check.threshold) && (
                <td className={css.right}>
                  <Num>{margin(check) ?? ""}</Num>
                </td>
              )}
              <td className={check.passed ? undefined : css.failed}>{verdict(check)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function reasons(failed: readonly Check[]): string {
  return failed
    .map(
      (c) =>
        `${c.name} ${c.observed === null ? "not observed" : typeof c.observed === "number" ? figure(c.observed) : c.observed} (needs ${SIGN[c.comparison] ?? c.comparison} ${typeof c.threshold === "number" ? figure(c.threshold) : c.threshold})`,
    )
    .join("; ");
}

export function NearMisses({ misses }: { misses: readonly NearMiss[] }) {
  if (misses.length === 0) return null;
  return (
    <section className={css.section}>
      <h3>
        Did not fire <span>nearest first</span>
      </h3>
      <dl className={css.misses}>
        {misses.slice(0, 5).map(({ judgement, failed, of }, i) => (
          <div key={i} style={{ display: "contents" }}>
            <dt title={judgement.rule}>{ruleName(judgement.rule)}</dt>
            <dd>
              {of && <span>{of}: </span>}
              {reasons(failed)}
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
