/** The orders that could be told apart inside a packet. */
import { Glyph, Num, Premium } from "../../cells/cells";
import type { FlowPacket } from "../../domain/events";
import { whole } from "../../domain/numbers";
import { clockMs } from "../../domain/time";
import css from "./Evidence.module.css";

export function Parents({ packet }: { packet: FlowPacket }) {
  const parents = packet.parents ?? [];
  if (packet.mixed)
    return (
      <p className={css.lead}>
        Buyers and sellers share this window and cannot be told apart: no direction is claimed from it.
      </p>
    );
  if (parents.length < 2) return null;
  return (
    <section className={css.section}>
      <h3>
        Parents <span>{parents.length} orders told apart by side, gap, path, venue and flag</span>
      </h3>
      <table className={css.legs}>
        <thead>
          <tr>
            <th />
            <th>from</th>
            <th className={css.right}>span, ms</th>
            <th className={css.right}>prints</th>
            <th className={css.right}>contracts</th>
            <th className={css.right}>premium</th>
            <th className={css.right}>venues</th>
          </tr>
        </thead>
        <tbody>
          {parents.map((parent) => (
            <tr key={parent.id}>
              <td>
                <Glyph side={parent.side} title={parent.side === "none" ? "side not known" : parent.side} />
              </td>
              <td>
                <Num>{clockMs(parent.start_ts)}</Num>
              </td>
              <td className={css.right}>
                <Num>{((parent.end_ts - parent.start_ts) / 1e6).toFixed(0)}</Num>
              </td>
              <td className={css.right}>
                <Num>{whole(parent.count)}</Num>
              </td>
              <td className={css.right}>
                <Num>{whole(parent.size)}</Num>
              </td>
              <td className={css.right}>
                <Premium dollars={parent.premium} />
              </td>
              <td className={css.right}>
                <Num>{(parent.venues ?? []).length}</Num>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
