/** What a row says by itself: its head in the evidence, there before anything else is fetched. */
import {
  ContractName,
  DaysLeft,
  DirectionMark,
  Num,
  Premium,
  SeverityBar,
  SideConfidence,
  SideMark,
  Time,
} from "../../cells/cells";
import type { Alert, EquityPrint, FlowPacket, MarkedPrint, OptionPrint } from "../../domain/events";
import type { Evidence } from "../../domain/evidence";
import { inOrder, leadOf } from "../../domain/lead";
import { counted, exactMoney, money, price, shares, whole } from "../../domain/numbers";
import { statedOnce } from "../../domain/sentences";
import { clockMs, dayName, dayOf } from "../../domain/time";
import {
  equityConditions,
  equityVenue,
  isOffExchange,
  isPlaced,
  optionConditions,
  optionVenue,
  placementWords,
  ruleName,
} from "../../domain/words";
import css from "./Evidence.module.css";

function At({ ts }: { ts: number }) {
  return (
    <span className={css.fact} title={dayName(dayOf(ts))}>
      <Num>{clockMs(ts)}</Num> NY
    </span>
  );
}

function Confidence({ alert, lead }: { alert: Alert; lead: string | null }) {
  return (
    <span className={css.fact} title="that the label is right; not an edge">
      {lead === null ? "best of its rules:" : ruleName(lead)}, confidence <Num>{alert.confidence.toFixed(2)}</Num>
    </span>
  );
}

function AlertFacts({ alert, evidence }: { alert: Alert; evidence: Evidence }) {
  const [first, ...others] = statedOnce(alert.sentences);
  const lead = inOrder(evidence.hits, alert)[0]?.rule ?? leadOf(alert);
  return (
    <>
      <div className={css.title}>
        <ContractName id={alert.contract} />
        <DaysLeft contract={alert.contract} ts={alert.ts} />
        <span>
          <DirectionMark direction={alert.direction} />
        </span>
        <span className={css.fact}>
          <SeverityBar severity={alert.severity} /> {alert.severity}, score <Num>{alert.score.toFixed(0)}</Num>
        </span>
        <span className={css.fact}>
          <Premium dollars={alert.premium} />
        </span>
        <Confidence alert={alert} lead={lead} />
        <At ts={alert.ts} />
        {alert.revision > 0 && <span className={css.fact}>revision {alert.revision}</span>}
        {alert.withdrawn && <span className={css.withdrawn}>withdrawn: its prints were cancelled</span>}
      </div>
      <div className={css.sentences}>
        <p>{first}</p>
        <p>{others.join(" ")}</p>
      </div>
    </>
  );
}

function PacketFacts({ packet }: { packet: FlowPacket }) {
  return (
    <div className={css.title}>
      <ContractName id={packet.contract} />
      <DaysLeft contract={packet.contract} ts={packet.ts} />
      <span className={css.fact}>
        <Num>{counted(packet.size, "contract")}</Num> in <Num>{counted(packet.count, "print")}</Num>
      </span>
      <span className={css.fact}>
        <Premium dollars={packet.premium} />
      </span>
      <At ts={packet.start_ts} />
    </div>
  );
}

function PrintFacts({ print }: { print: MarkedPrint }) {
  const placed = isPlaced(print.placement);
  const words = optionConditions(print.conditions);
  return (
    <>
      <div className={css.title}>
        <ContractName id={print.contract} />
        <DaysLeft contract={print.contract} ts={print.ts} />
        <span>
          <SideMark print={print} />{" "}
          <Num>
            {whole(print.size)} at {price(print.price)}
          </Num>
        </span>
        <span className={css.fact}>
          <Premium dollars={print.premium} />
        </span>
        <At ts={print.ts} />
        {print.exchange && <span className={css.fact}>{optionVenue(print.exchange)[1]}</span>}
      </div>
      <div className={css.sentences}>
        <p>
          {placed ? "It traded" : "It has no place in a quote:"} {placementWords(print.placement)}.{" "}
          {print.side_rule && print.side_rule !== "none" && print.side_confidence ? (
            <>
              Side confidence <SideConfidence print={print} />.
            </>
          ) : (
            "Its side is unknown: no rule decides it."
          )}
        </p>
        {typeof print.quote_ts === "number" && (
          <p>
            Its quote stood since <Time ts={print.quote_ts} ms />, {((print.ts - print.quote_ts) / 1e6).toFixed(1)} ms
            before it.
          </p>
        )}
        {words && <p>Conditions: {words}.</p>}
      </div>
    </>
  );
}

/** All that its row shows, and the quote that the feed gave with it. */
function RawFacts({ raw }: { raw: OptionPrint | EquityPrint }) {
  const equity = "symbol" in raw ? raw : null;
  const venue = raw.exchange ? (equity ? equityVenue : optionVenue)(raw.exchange)[1] : null;
  const words = (equity ? equityConditions : optionConditions)(raw.conditions);
  return (
    <>
      <div className={css.title}>
        {equity ? <b>{equity.symbol}</b> : <ContractName id={(raw as OptionPrint).contract} />}
        <Num>
          {shares(raw.size)} at {price(raw.price)}
        </Num>
        {equity && (
          <span className={css.fact}>
            <Num title={exactMoney(raw.price * raw.size)}>{money(raw.price * raw.size)}</Num>
          </span>
        )}
        <At ts={raw.ts} />
        {raw.kind && <span className={css.fact}>{raw.kind}</span>}
      </div>
      <div className={css.sentences}>
        <p>
          {equity && isOffExchange(raw.exchange) ? venue : venue ? `Printed on ${venue}.` : "Its venue is unknown."}
        </p>
        <p>
          {words ? `Conditions: ${words}. ` : raw.conditions?.length ? "No special conditions. " : ""}
          {typeof raw.bid === "number" && typeof raw.ask === "number" ? (
            <>
              Quoted{" "}
              <Num>
                {price(raw.bid)} × {price(raw.ask)}
              </Num>
              {typeof raw.quote_ts === "number" && (
                <>
                  {" "}
                  since <Time ts={raw.quote_ts} ms />
                </>
              )}
              , as its feed gave it.
            </>
          ) : (
            "Its feed gave no quote with it."
          )}
        </p>
      </div>
    </>
  );
}

/** The head of what is selected; nothing where the evidence holds no row of that kind yet. */
export function Facts({ topic, evidence }: { topic: string; evidence: Evidence }) {
  const { alert, packets, prints, raw } = evidence;
  if (raw) return <RawFacts raw={raw} />;
  if (topic === "flow.alerts") return alert && <AlertFacts alert={alert} evidence={evidence} />;
  if (topic.startsWith("flow.")) return packets[0] ? <PacketFacts packet={packets[0]} /> : null;
  return prints[0] ? <PrintFacts print={prints[0]} /> : null;
}
