/** What the evidence says, from the sentence down to the prints. */
import { Num } from "../../cells/cells";
import { select } from "../../app/session";
import type { Selected } from "../../app/url";
import { contractName } from "../../domain/contract";
import type { Alert, FlowPacket, Hit } from "../../domain/events";
import { nearMisses } from "../../domain/evidence";
import { inOrder, parted } from "../../domain/lead";
import { counted, money, whole } from "../../domain/numbers";
import { clockMs } from "../../domain/time";
import { ruleName } from "../../domain/words";
import { Baseline } from "./Baseline";
import { Checks, NearMisses } from "./Checks";
import css from "./Evidence.module.css";
import { Facts } from "./Facts";
import type { Found } from "./load";
import { isPrintTopic } from "./load";
import { Members } from "./Members";
import { Parents } from "./Parents";
import { ScoreParts, StyleReasons } from "./Score";
import { Outcomes, PositionChecks } from "./Since";
import { Structures } from "./Structures";
import { Timeline } from "./Timeline";

interface PacketProps {
  packet: FlowPacket;
  found: Found;
  /** Whether packets of other contracts stand beside it. */
  named: boolean;
}

function Packet({ packet, found, named }: PacketProps) {
  const members = found.evidence.prints.filter((print) => packet.members.includes(print.id));
  const lost = packet.members.length - members.length;
  return (
    <>
      <section className={css.section}>
        <h3>
          {packet.count === 1 ? "Print" : "Prints"}
          {named && ` of ${contractName(packet.contract)}`}{" "}
          <span>
            {packet.count === 1
              ? "with the quote it met"
              : `${whole(packet.count)} in ${((packet.end_ts - packet.start_ts) / 1e6).toFixed(0)} ms, with the quotes they met`}
            {lost > 0 && `; ${lost} not in the archive yet`}
          </span>
        </h3>
        {packet.revision ? (
          <p className={css.lead}>
            Revision {packet.revision}: {whole(packet.struck ?? 0)} of its prints were cancelled or corrected and are
            left out.
          </p>
        ) : null}
        {members.length > 0 && <Timeline prints={members} />}
        {members.length > 0 && <Members prints={members} opened={null} />}
      </section>
      <Parents packet={packet} />
      <section className={css.section}>
        <h3>
          Baseline{" "}
          <span>
            {packet.baseline
              ? `${counted(packet.baseline_samples ?? 0, "earlier packet")} of its ${packet.baseline}`
              : ""}
          </span>
        </h3>
        <Baseline packet={packet} />
      </section>
    </>
  );
}

/** The hit that decided, in full; those behind it folded, with what they say. */
function Hits({ hits, alert }: { hits: readonly Hit[]; alert: Alert | null }) {
  const [standing, takenBack] = parted(hits);
  const [first, ...others] = inOrder(standing, alert);
  if (!first && takenBack.length === 0) return null;
  return (
    <>
      {first && <Checks {...first} />}
      {others.map((hit, i) => (
        <details key={hit.id} className={css.more}>
          <summary>
            {i === 0 ? "Runner-up" : "Also fired"}: {ruleName(hit.rule)}{" "}
            <span>
              {hit.direction}, label {hit.confidence.toFixed(2)}, {hit.checks.filter((c) => c.passed).length} of{" "}
              {hit.checks.length} checks pass
            </span>
          </summary>
          <Checks {...hit} />
        </details>
      ))}
      {takenBack.length > 0 && (
        <p className={css.note}>
          Taken back, since a print was cancelled: {takenBack.map((hit) => ruleName(hit.rule)).join(", ")}.
        </p>
      )}
    </>
  );
}

function Packets({ packets, found }: { packets: readonly FlowPacket[]; found: Found }) {
  const [first, ...others] = [...packets].sort((a, b) => (b.premium ?? 0) - (a.premium ?? 0));
  if (!first) return null;
  const named = packets.some((packet) => packet.contract !== first.contract);
  return (
    <>
      <Packet packet={first} found={found} named={named} />
      {others.map((packet) => (
        <details key={packet.id} className={css.more}>
          <summary>
            {contractName(packet.contract)}{" "}
            <span>
              <Num>{clockMs(packet.start_ts)}</Num>, {counted(packet.count, "print")},{" "}
              {counted(packet.size, "contract")}
              {packet.premium === null ? "" : `, ${money(packet.premium)}`}
            </span>
          </summary>
          <Packet packet={packet} found={found} named={named} />
        </details>
      ))}
    </>
  );
}

function Against({ against }: { against: readonly string[] }) {
  return (
    <section className={css.section}>
      <h3>Against it</h3>
      {against.length === 0 ? (
        <span className={css.fact}>Nothing measured speaks against it.</span>
      ) : (
        <ul className={css.against}>
          {against.map((text) => (
            <li key={text}>{text}</li>
          ))}
        </ul>
      )}
    </section>
  );
}

function Links({ found, selected }: { found: Found; selected: Selected }) {
  const { alert, packets } = found.evidence;
  const others = [
    ...(alert && alert.id !== selected.id ? [{ topic: "flow.alerts", id: alert.id, name: "its alert" }] : []),
    ...packets
      .filter((packet) => packet.id !== selected.id)
      .map((packet) => ({
        topic: "flow.packets",
        id: packet.id,
        name: `${contractName(packet.contract)}, packet of ${clockMs(packet.start_ts)}`,
      })),
  ];
  if (others.length === 0) return null;
  return (
    <section className={css.section}>
      <div className={css.links}>
        {others.map((other) => (
          <button key={other.id} type="button" onClick={() => select({ topic: other.topic, id: other.id })}>
            {other.name}
          </button>
        ))}
      </div>
    </section>
  );
}

export function EvidenceBody({ found, selected }: { found: Found; selected: Selected }) {
  const { alert, structures, hits, packets, prints, outcomes, checks, missing } = found.evidence;
  const isPrint = isPrintTopic(selected.topic);
  const print = isPrint ? prints[0] : undefined;
  const ofAlert = selected.topic === "flow.alerts";
  const misses = nearMisses(found.explanation?.packets ?? [], packets);
  return (
    <>
      <Facts topic={selected.topic} evidence={found.evidence} />
      {print && (
        <section className={css.section}>
          <Timeline prints={[print]} />
        </section>
      )}
      <div className={css.columns}>
        <div>
          {!isPrint && <Structures structures={structures} />}
          <Hits hits={hits} alert={ofAlert ? alert : null} />
          {ofAlert && alert && <Against against={alert.against} />}
          {ofAlert && alert && <StyleReasons alert={alert} />}
          {!isPrint && <NearMisses misses={misses} />}
        </div>
        <div>
          {ofAlert && <Outcomes outcomes={outcomes} structures={alert?.structure_id ? structures : []} />}
          <PositionChecks checks={checks} />
          {!isPrint && <Packets packets={packets} found={found} />}
          {ofAlert && alert && <ScoreParts alert={alert} />}
        </div>
      </div>
      {missing.length > 0 && (
        <p className={css.note}>
          {missing.length === 1 ? "1 named row is" : `${missing.length} named rows are`} not in the archive yet.
        </p>
      )}
      <Links found={found} selected={selected} />
    </>
  );
}
