/** Why this style and not the next, and what the score is made of. */
import { Num } from "../../cells/cells";
import type { Alert } from "../../domain/events";
import { signed } from "../../domain/numbers";
import { ruleName } from "../../domain/words";
import css from "./Evidence.module.css";

export function StyleReasons({ alert }: { alert: Alert }) {
  const reasons = alert.style_reasons ?? [];
  return (
    <section className={css.section}>
      <h3>
        Style: {alert.style} {alert.runner_up ? <span>next likely: {alert.runner_up}</span> : null}
      </h3>
      {reasons.length > 0 && (
        <ul className={css.against}>
          {reasons.map((reason) => (
            <li key={reason}>{reason.replace(/^[a-z0-9_]+(?= reads it as )/, ruleName)}</li>
          ))}
        </ul>
      )}
    </section>
  );
}

export function ScoreParts({ alert }: { alert: Alert }) {
  const parts = Object.entries(alert.score_parts ?? {}).filter(([, points]) => points !== 0);
  if (parts.length === 0) return null;
  const widest = Math.max(...parts.map(([, points]) => Math.abs(points)));
  return (
    <section className={css.section}>
      <h3>
        Score <Num>{alert.score.toFixed(0)}</Num> <span>points that it is made of</span>
        {alert.capped ? <span>severity held down: {alert.capped}</span> : null}
      </h3>
      <dl className={css.parts}>
        {parts
          .sort(([, a], [, b]) => b - a)
          .map(([name, points]) => (
            <div key={name} style={{ display: "contents" }}>
              <dt>{name.replaceAll("_", " ")}</dt>
              <dd>
                <i
                  className={points < 0 ? css.minus : css.plus}
                  style={{ width: `${(Math.abs(points) / widest) * 100}%` }}
                />
              </dd>
              <dd className={css.right}>
                <Num>{signed(points)}</Num>
              </dd>
            </div>
          ))}
      </dl>
    </section>
  );
}
