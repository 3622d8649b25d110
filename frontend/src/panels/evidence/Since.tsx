/** What became of an alert: the option's mark and the underlying at each look, and next morning's open interest. */
import { Fragment } from "react";
import { ContractName, Num, Unknown } from "../../cells/cells";
import type { Outcome, PositionCheck, Structure } from "../../domain/events";
import { price, signed, whole } from "../../domain/numbers";
import { ruleName } from "../../domain/words";
import css from "./Evidence.module.css";

function after(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  return seconds < 3600 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

interface Then {
  then: number | null | undefined;
  now: number | null | undefined;
}

/** What it stood at, and that against what it stood at when the alert came: two cells, each under its head. */
function Change({ then, now }: Then) {
  if (typeof then !== "number" || typeof now !== "number" || then === 0)
    return (
      <>
        <td className={css.right}>
          <Unknown why="there was no usable quote then, or there is none now" />
        </td>
        <td />
      </>
    );
  return (
    <>
      <td className={`${css.right} ${css.then}`} title={`${price(now)}, from ${price(then)}`}>
        <Num>{(Math.round(now * 100) / 100).toFixed(2)}</Num>
      </td>
      <td className={css.right}>
        <Num>{signed((now / then - 1) * 100)}</Num>
      </td>
    </>
  );
}

const LOOKED_AT: readonly { head: string; about: string; of: (look: Outcome) => Then }[] = [
  { head: "option", about: "mid of the option", of: (o) => ({ then: o.mark_then, now: o.mark_now }) },
  { head: "best", about: "highest mid of the option so far", of: (o) => ({ then: o.mark_then, now: o.mark_best }) },
  { head: "worst", about: "lowest mid of the option so far", of: (o) => ({ then: o.mark_then, now: o.mark_worst }) },
  { head: "underlying", about: "price of the underlying", of: (o) => ({ then: o.spot_then, now: o.spot_now }) },
];

/** A structure is followed by the leg that stands for it, which is said: its own worth is another. */
function OneLeg({ leg }: { leg: Structure["legs"][number] }) {
  return (
    <span>
      of one leg alone, {leg.side === "sell" ? "sold" : leg.side === "buy" ? "bought" : "of unknown side"}{" "}
      <ContractName id={leg.contract} />;{" "}
    </span>
  );
}

interface Followed {
  outcomes: readonly Outcome[];
  structures: readonly Structure[];
}

export function Outcomes({ outcomes, structures }: Followed) {
  if (outcomes.length === 0) return null;
  const leg = structures.flatMap(({ legs }) => legs).find(({ contract }) => contract === outcomes[0]?.contract);
  return (
    <section className={css.section}>
      <h3>
        Since then {leg && <OneLeg leg={leg} />}
        <span>mids, dollars; what was, not what could be earned</span>
      </h3>
      <table className={css.legs}>
        <thead>
          <tr>
            <th>after</th>
            {LOOKED_AT.map(({ head, about }) => (
              <Fragment key={head}>
                <th className={css.right} title={`${about}, dollars`}>
                  {head}, $
                </th>
                <th className={css.right} title="change since the alert, per cent">
                  %
                </th>
              </Fragment>
            ))}
          </tr>
        </thead>
        <tbody>
          {outcomes.map((look) => (
            <tr key={look.revision}>
              <td>
                <Num>{after(look.after_s)}</Num>
                {look.final ? " (close)" : ""}
              </td>
              {LOOKED_AT.map(({ head, of }) => (
                <Change key={head} {...of(look)} />
              ))}
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
