/** What the evidence says, from the sentence down to the prints. */
import {
  ContractName,
  Days,
  DirectionMark,
  Num,
  Premium,
  SeverityBar,
  SideConfidence,
  SideMark,
  Time,
} from "../../cells/cells";
import { select } from "../../app/session";
import type { Selected } from "../../app/url";
import type { Alert, EquityPrint, FlowPacket, Hit, MarkedPrint, OptionPrint } from "../../domain/events";
import { nearMisses } from "../../domain/evidence";
import { money, price, shares, whole } from "../../domain/numbers";
import { clockMs, dayName, dayOf } from "../../domain/time";
import { equityVenue, isOffExchange, optionVenue, placementWords, ruleName } from "../../domain/words";
import { Baseline } from "./Baseline";
import { Checks, NearMisses } from "./Checks";
import css from "./Evidence.module.css";
import type { Found } from "./load";
import { Members } from "./Members";
import { Parents } from "./Parents";
import { ScoreParts, StyleReasons } from "./Score";
import { Outcomes, PositionChecks } from "./Since";
import { Structures } from "./Structures";
import { Timeline } from "./Timeline";

function AlertTitle({ alert }: { alert: Alert }) {
  return (
    <div className={css.title}>
      <ContractName id={alert.contract} />
      <span className={css.fact}>
        <Days contract={alert.contract} ts={alert.ts} /> days
      </span>
      <span>
        <DirectionMark direction={alert.direction} />
      </span>
      <span className={css.fact}>
        <SeverityBar severity={alert.severity} /> {alert.severity}, score <Num>{alert.score.toFixed(0)}</Num>
      </span>
      <span className={css.fact}>
        <Premium dollars={alert.premium} />
      </span>
      <span className={css.fact} title="that the label is right; not an edge">
        confidence <Num>{alert.confidence.toFixed(2)}</Num>
      </span>
      <span className={css.fact} title={dayName(dayOf(alert.ts))}>
        <Num>{clockMs(alert.ts)}</Num> NY{alert.revision > 0 && `, revision ${alert.revision}`}
      </span>
      {alert.withdrawn && <span className={css.withdrawn}>withdrawn: its prints were cancelled</span>}
    </div>
  );
}

function PacketTitle({ packet }: { packet: FlowPacket }) {
  return (
    <div className={css.title}>
      <ContractName id={packet.contract} />
      <span className={css.fact}>
        <Days contract={packet.contract} ts={packet.ts} /> days
      </span>
      <span className={css.fact}>
        <Num>{whole(packet.size)}</Num> {packet.size === 1 ? "contract" : "contracts"} in{" "}
        <Num>{whole(packet.count)}</Num> {packet.count === 1 ? "print" : "prints"}
      </span>
      <span className={css.fact}>
        <Premium dollars={packet.premium} />
      </span>
      <span className={css.fact}>
        <Num>{clockMs(packet.start_ts)}</Num> NY
      </span>
    </div>
  );
}

function PrintFacts({ print }: { print: MarkedPrint }) {
  return (
    <>
      <div className={css.title}>
        <ContractName id={print.contract} />
        <span>
          <SideMark print={print} />{" "}
          <Num>
            {whole(print.size)} at {price(print.price)}
          </Num>
        </span>
        <span className={css.fact}>
          <Premium dollars={print.premium} />
        </span>
        <span className={css.fact}>
          <Num>{clockMs(print.ts)}</Num> NY, {optionVenue(print.exchange ?? "?")[1]}
        </span>
      </div>
      <div className={css.sentences}>
        <p>
          It traded {placementWords(print.placement)}. Side confidence <SideConfidence print={print} />.
        </p>
        {typeof print.quote_ts === "number" && (
          <p>
            Its quote stood since <Time ts={print.quote_ts} ms />, {((print.ts - print.quote_ts) / 1e6).toFixed(1)} ms
            before it.
          </p>
        )}
      </div>
    </>
  );
}

function RawFacts({ raw }: { raw: OptionPrint | EquityPrint }) {
  const symbol = "symbol" in raw ? raw.symbol : null;
  const venue = symbol === null ? optionVenue(raw.exchange ?? "?") : equityVenue(raw.exchange ?? "?");
  return (
    <>
      <div className={css.title}>
        {symbol === null ? <ContractName id={(raw as OptionPrint).contract} /> : <b>{symbol}</b>}
        <Num>
          {shares(raw.size)} at {price(raw.price)}
        </Num>
        <span className={css.fact}>
          <Num>{clockMs(raw.ts)}</Num> NY
        </span>
      </div>
      <div className={css.sentences}>
        <p>{symbol !== null && isOffExchange(raw.exchange) ? venue[1] : `Printed on ${venue[1]}.`}</p>
      </div>
    </>
  );
}

function Packet({ packet, found, opened }: { packet: FlowPacket; found: Found; opened: string | null }) {
  const members = found.evidence.prints.filter((print) => packet.members.includes(print.id));
  const lost = packet.members.length - members.length;
  return (
    <>
      <section className={css.section}>
        <h3>
          {packet.count === 1 ? "Print" : "Prints"}{" "}
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
        {members.length > 0 && <Members prints={members} opened={opened} />}
      </section>
      <Parents packet={packet} />
      <section className={css.section}>
        <h3>
          Baseline{" "}
          <span>
            {packet.baseline ? `${packet.baseline_samples ?? 0} earlier packets of its ${packet.baseline}` : ""}
          </span>
        </h3>
        <Baseline packet={packet} />
      </section>
    </>
  );
}

/** The hit that decided, in full; those behind it folded, with what they say. */
function Hits({ hits }: { hits: readonly Hit[] }) {
  const [first, ...others] = [...hits].sort((a, b) => b.confidence - a.confidence);
  if (!first) return null;
  return (
    <>
      <Checks {...first} />
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
    </>
  );
}

function Packets({ packets, found }: { packets: readonly FlowPacket[]; found: Found }) {
  const [first, ...others] = [...packets].sort((a, b) => (b.premium ?? 0) - (a.premium ?? 0));
  if (!first) return null;
  return (
    <>
      <Packet packet={first} found={found} opened={null} />
      {others.map((packet) => (
        <details key={packet.id} className={css.more}>
          <summary>
            Packet of {clockMs(packet.start_ts)}{" "}
            <span>
              {whole(packet.count)} {packet.count === 1 ? "print" : "prints"}, {whole(packet.size)} contracts
              {packet.premium === null ? "" : `, ${money(packet.premium)}`}
            </span>
          </summary>
          <Packet packet={packet} found={found} opened={null} />
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
      .map((packet) => ({ topic: "flow.packets", id: packet.id, name: `packet of ${clockMs(packet.start_ts)}` })),
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
  const { alert, structures, hits, packets, prints, outcomes, checks, raw, missing } = found.evidence;
  const packet = packets[0];
  const isPrint = !["flow.alerts", "flow.packets", "flow.hits", "flow.structures"].includes(selected.topic);
  const print = isPrint ? prints[0] : undefined;
  const ofAlert = selected.topic === "flow.alerts";
  const rules = found.explanation?.packets.flatMap((each) => each.rules) ?? [];
  return (
    <>
      {raw && <RawFacts raw={raw} />}
      {print && <PrintFacts print={print} />}
      {print && (
        <section className={css.section}>
          <Timeline prints={[print]} />
        </section>
      )}
      {!isPrint && alert && selected.topic === "flow.alerts" && (
        <>
          <AlertTitle alert={alert} />
          <div className={css.sentences}>
            <p>{alert.sentences[0]}</p>
            <p>{alert.sentences.slice(1).join(" ")}</p>
          </div>
        </>
      )}
      {!isPrint && packet && selected.topic !== "flow.alerts" && <PacketTitle packet={packet} />}
      <div className={css.columns}>
        <div>
          {!isPrint && <Structures structures={structures} />}
          <Hits hits={hits} />
          {ofAlert && alert && <Against against={alert.against} />}
          {ofAlert && alert && <StyleReasons alert={alert} />}
          {!isPrint && <NearMisses misses={nearMisses(rules)} />}
        </div>
        <div>
          {ofAlert && <Outcomes outcomes={outcomes} />}
          <PositionChecks checks={checks} />
          {!isPrint && <Packets packets={packets} found={found} />}
          {ofAlert && alert && <ScoreParts alert={alert} />}
        </div>
      </div>
      {missing.length > 0 && <p className={css.note}>{missing.length} of the named rows are not in the archive yet.</p>}
      <Links found={found} selected={selected} />
    </>
  );
}
