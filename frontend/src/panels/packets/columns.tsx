/** The packet list's columns. */
import { ContractName, Days, Glyph, Muted, Num, PlacementMix, Premium, Time, Unknown } from "../../cells/cells";
import { daysToExpiry } from "../../domain/contract";
import type { FlowPacket } from "../../domain/events";
import { sideOfPacket } from "../../domain/events";
import { price, signed, whole } from "../../domain/numbers";
import { clockMs } from "../../domain/time";
import { optionVenue } from "../../domain/words";
import type { Column } from "../../table/columns";

function Deviation({ z, packet }: { z: number | null | undefined; packet: FlowPacket }) {
  if (z === null || z === undefined)
    return <Unknown why={`no usable baseline yet (${packet.baseline_samples ?? 0} samples)`} />;
  return (
    <Num
      title={`deviations from the mean of ${packet.baseline_samples ?? 0} earlier packets of its ${packet.baseline ?? "baseline"}`}
    >
      {signed(z)}
    </Num>
  );
}

function Venues({ packet }: { packet: FlowPacket }) {
  const venues = packet.venues ?? [];
  if (venues.length === 0) return <Unknown why="the feed names no venue" />;
  return <Num title={venues.map((code) => optionVenue(code)[1]).join(", ")}>{venues.length}</Num>;
}

function kind(packet: FlowPacket): string {
  const sweeps = packet.intermarket_sweeps ?? 0;
  const words = packet.flag === "regular" ? [] : [packet.flag.replace("_", " ")];
  if (sweeps > 0) words.push("sweep");
  if (packet.halted) words.push("halted");
  if (packet.limit_state) words.push("limit state");
  if ((packet.struck ?? 0) > 0) words.push(packet.count ? "cancel" : "cancelled");
  return words.join(", ");
}

export const packetColumns: readonly Column<FlowPacket>[] = [
  {
    id: "time",
    head: "time",
    about: "when the packet became known: its window's end",
    width: "72px",
    cell: (p) => <Time ts={p.ts} />,
    text: (p) => clockMs(p.ts),
  },
  {
    id: "side",
    head: "",
    about: "side of its counted size",
    width: "24px",
    align: "center",
    cell: (p) => <Glyph side={sideOfPacket(p)} title={`${whole(p.buy_size)} bought, ${whole(p.sell_size)} sold`} />,
    text: sideOfPacket,
  },
  {
    id: "contract",
    head: "contract",
    width: "minmax(178px, 1.4fr)",
    cell: (p) => <ContractName id={p.contract} />,
    text: (p) => p.contract,
  },
  {
    id: "dte",
    head: "dte",
    about: "calendar days to expiry",
    width: "36px",
    align: "right",
    cell: (p) => <Days contract={p.contract} ts={p.ts} />,
    text: (p) => String(daysToExpiry(p.contract, p.ts) ?? ""),
  },
  {
    id: "prints",
    head: "n",
    about: "number of prints",
    width: "38px",
    align: "right",
    cell: (p) => <Num>{whole(p.count)}</Num>,
    text: (p) => String(p.count),
  },
  {
    id: "size",
    head: "size",
    about: "contracts",
    width: "56px",
    align: "right",
    cell: (p) => <Num>{whole(p.size)}</Num>,
    text: (p) => String(p.size),
  },
  {
    id: "premium",
    head: "premium",
    about: "dollars, multiplier included",
    width: "68px",
    align: "right",
    cell: (p) => <Premium dollars={p.premium} also={`, ${price(p.vwap)} a share on average`} />,
    text: (p) => String(p.premium ?? ""),
  },
  {
    id: "mix",
    head: "mix",
    about:
      "size by placement, from below the bid to above the ask; grey is inside the quote, where other rules tell the side",
    width: "50px",
    cell: (p) => <PlacementMix packet={p} />,
    text: (p) => `${p.sell_size}/${p.buy_size}`,
  },
  {
    id: "premium_z",
    head: "z",
    about: "premium against what is usual: standard deviations from its baseline's mean",
    width: "60px",
    align: "right",
    cell: (p) => <Deviation z={p.premium_z} packet={p} />,
    text: (p) => String(p.premium_z ?? ""),
  },
  {
    id: "venues",
    head: "ven",
    about: "number of venues",
    width: "36px",
    align: "right",
    cell: (p) => <Venues packet={p} />,
    text: (p) => (p.venues ?? []).join(""),
  },
  {
    id: "kind",
    head: "",
    about: "how the tape flags it; halted, or in a limit state; what a cancel took back",
    width: "minmax(106px, 0.6fr)",
    cell: (p) => <Muted title={kind(p)}>{kind(p)}</Muted>,
    text: kind,
  },
];
