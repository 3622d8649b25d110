/** One rule's checks: observed, comparison, threshold, margin; those that only inform stand back. */
import { DirectionMark, Num, Unknown } from "../../cells/cells";
import type { Alert, Check } from "../../domain/events";
import type { Judgement, NearMiss } from "../../domain/evidence";
import { margin } from "../../domain/evidence";
import { figure } from "../../domain/numbers";
import { ruleName } from "../../domain/words";
import css from "./Evidence.module.css";

const SIGN: Record<string, string> = { ">=": "≥", "<=": "≤", "==": "=", "!=": "≠", ">": ">", "<": "<" };

function Value({ value }: { value: Check["observed"] }) {
  if (value === null || value === undefined) return <Unknown why="not observed: there was nothing to measure it with" />;
  return <Num>{typeof value === "number" ? figure(value) : value}</Num>;
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
        {ruleName(rule)} <span title={rule}>version {version}</span> <span><DirectionMark direction={direction} /></span>
        {confidence !== null && <span title="that the label is right, by the rule's own formula; not an edge">label <Num>{confidence.toFixed(2)}</Num></span>}
      </h3>
      <table className={css.checks}>
        <thead>
          <tr><th className={css.name}>check</th><th className={css.right}>observed</th><th /><th className={css.right}>threshold</th><th className={css.right}>margin</th><th /></tr>
        </thead>
        <tbody>
          {checks.map((check) => (
            <tr key={check.name} className={check.required === false ? css.informs : undefined}>
              <td>{check.name}</td>
              <td className={css.right}><Value value={check.observed} /></td>
              <td>{SIGN[check.comparison] ?? check.comparison}</td>
              <td className={css.right}><Value value={check.threshold} /></td>
              <td className={css.right}><Num>{margin(check) ?? ""}</Num></td>
              <td className={check.passed ? undefined : css.failed}>{check.passed ? "passes" : "fails"}{check.required === false ? ", informs" : ""}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function reasons(failed: readonly Check[]): string {
  return failed.map((c) => `${c.name} ${c.observed === null ? "not observed" : typeof c.observed === "number" ? figure(c.observed) : c.observed} (needs ${SIGN[c.comparison] ?? c.comparison} ${typeof c.threshold === "number" ? figure(c.threshold) : c.threshold})`).join("; ");
}

export function NearMisses({ misses }: { misses: readonly NearMiss[] }) {
  if (misses.length === 0) return null;
  return (
    <section className={css.section}>
      <h3>Did not fire <span>nearest first</span></h3>
      <dl className={css.misses}>
        {misses.slice(0, 5).map(({ judgement, failed }) => (
          <div key={judgement.rule} style={{ display: "contents" }}>
            <dt title={judgement.rule}>{ruleName(judgement.rule)}</dt>
            <dd>{reasons(failed)}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

/** The rule that fired second, where more than one did. */
export function runnerUp(rules: readonly Judgement[]): Judgement | null {
  return [...rules].filter((r) => r.fired).sort((a, b) => (b.confidence ?? 0) - (a.confidence ?? 0))[1] ?? null;
}
