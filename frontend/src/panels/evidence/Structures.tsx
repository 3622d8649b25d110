/** A structure's legs as one table: what was bought and sold, for how much, and what ties them. */
import { ContractName, DirectionMark, Glyph, Num, Premium, Unknown } from "../../cells/cells";
import { select } from "../../app/session";
import type { Structure } from "../../domain/events";
import { exactMoney, money, price, whole } from "../../domain/numbers";
import { structureEvidence } from "../../domain/words";
import css from "./Evidence.module.css";

/** What it cost and what it is worth in the underlying; what is not known of these is said in a word. */
function Net({ structure }: { structure: Structure }) {
  const { net_premium: net, net_delta: delta, stock_tied: tied } = structure;
  const words = (net ?? 0) > 0 ? "paid" : (net ?? 0) < 0 ? "received" : "even";
  return (
    <>
      {typeof net === "number" ? (
        <Num title={exactMoney(net)}>
          {money(Math.abs(net))} {words}
        </Num>
      ) : (
        <span title="the side of a leg, or its premium, is not known">Net premium unknown</span>
      )}
      {typeof delta === "number" ? (
        <>
          , net delta <Num title={exactMoney(delta)}>{money(delta)}</Num>
        </>
      ) : (
        <span title={NO_DELTA}>, net delta unknown</span>
      )}
      {tied ? ", tied to stock" : ""}.
    </>
  );
}

const NO_DELTA = "no delta: the spot, the implied volatility or a side is not known";

/** A leg's delta as a position has it: a sold one's counts the other way, so that legs add up to the net. */
function Delta({ dollars, sold }: { dollars: number | null | undefined; sold: boolean }) {
  if (typeof dollars !== "number") return <Unknown why={NO_DELTA} />;
  const held = sold ? -dollars : dollars;
  return <Num title={exactMoney(held)}>{money(held)}</Num>;
}

function One({ structure }: { structure: Structure }) {
  return (
    <section className={css.section}>
      <h3>
        {structure.name}{" "}
        <span>
          <DirectionMark direction={structure.direction ?? "neutral"} />
        </span>
        <span title="that the legs belong together; not that the label is right">
          legs belong together <Num>{(structure.confidence ?? 0).toFixed(2)}</Num>
        </span>
      </h3>
      <p className={css.lead}>
        {structureEvidence(structure.evidence ?? "timing")}. <Net structure={structure} />
      </p>
      <table className={css.legs}>
        <thead>
          <tr>
            <th />
            <th>leg</th>
            <th className={css.right}>contracts</th>
            <th className={css.right}>ratio</th>
            <th className={css.right}>price</th>
            <th className={css.right}>premium</th>
            <th className={css.right}>delta</th>
          </tr>
        </thead>
        <tbody>
          {structure.legs.map((leg) => (
            <tr key={leg.parent_id}>
              <td>
                <Glyph side={leg.side} title={leg.side === "none" ? "side not known" : leg.side} />
              </td>
              <td>
                <button type="button" onClick={() => select({ topic: "flow.packets", id: leg.packet_id })}>
                  <ContractName id={leg.contract} />
                </button>
              </td>
              <td className={css.right}>
                <Num>{whole(leg.size)}</Num>
              </td>
              <td className={css.right}>
                <Num>{leg.ratio}</Num>
              </td>
              <td className={css.right}>
                <Num>{price(leg.price)}</Num>
              </td>
              <td className={css.right}>
                <Premium dollars={leg.premium} />
              </td>
              <td className={css.right}>
                <Delta dollars={leg.delta_notional} sold={leg.side === "sell"} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

export function Structures({ structures }: { structures: readonly Structure[] }) {
  return structures.map((structure) => <One key={structure.id} structure={structure} />);
}
