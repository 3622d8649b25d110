/** What became of an alert: the option's mark and the underlying at each look, and next morning's open interest. */
import { Num, Unknown } from "../../cells/cells";
import type { Outcome, PositionCheck } from "../../domain/events";
import { price, signed, whole } from "../../domain/numbers";
import { ruleName } from "../../domain/words";
import css from "./Evidence.module.css";

function after(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  return seconds < 3600 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

function Change({ then, now }: { then: number | null | undefined; now: number | null | undefined }) {
  if (typeof then !== "number" || typeof now !== "number" || then === 0)
    return <Unknown why="there was no usable quote then, or there is none now" />;
  return (
    <Num title={`${price(now)}, from ${price(then)}`}>
      <span className={css.then}>{(Math.round(now * 100) / 100).toFixed(2)}</span>
      <span className={css.change}>{signed((now / then - 1) * 100)} %</span>
    </Num>
  );
}

export function Outcomes({ outcomes }: { outcomes: readonly Outcome[] }) {
  if (outcomes.length === 0) return null;
  return (
    <section className={css.section}>
      <h3>
        Since then <span>mids; what was, not what could be earned</span>
      </h3>
      <table className={css.legs}>
        <thead>
          <tr>
            <th>after</th>
            <th className={css.right}>option</th>
            <th className={css.right}>best</th>
            <th className={css.right}>worst</th>
            <th className={css.right}>underlying</th>
          </tr>
        </thead>
        <tbody>
          {outcomes.map((look) => (
            <tr key={look.revision}>
              <td>
                <Num>{after(look.after_s)}</Num>
                {look.final ? " (close)" : ""}
              </td>
              <td className={css.right}>
                <Change then={look.mark_then} now={look.mark_now} />
              </td>
              <td className={css.right}>
                <Change then={look.mark_then} now={look.mark_best} />
              </td>
              <td className={css.right}>
                <Change then={look.mark_then} now={look.mark_worst} />
              </td>
              <td className={css.right}>
                <Change then={look.spot_then} now={look.spot_now} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

export function PositionChecks({ checks }: { checks: readonly PositionCheck[] }) {
  if (checks.length === 0) return null;
  return (
    <section className={css.section}>
      <h3>Next morning&apos;s open interest</h3>
      <ul className={css.against}>
        {checks.map((check) => (
          <li key={check.id}>
            {ruleName(check.hit_id.split(":").at(-1) ?? "")}: {check.verdict}. {check.sentence}{" "}
            {typeof check.open_interest_before === "number" && typeof check.open_interest_after === "number" && (
              <Num>
                {whole(check.open_interest_before)} → {whole(check.open_interest_after)}
              </Num>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}
