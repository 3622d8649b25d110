/** The packets: bursts of one contract, newest first. */
import { useMemo } from "react";
import { useStore } from "zustand";
import { feeds, ui } from "../../app/session";
import type { FlowPacket } from "../../domain/events";
import type { Feed } from "../../feed/feed";
import { FeedTable } from "../../table/FeedTable";
import { Nothing } from "../Nothing";
import { Panel } from "../Panel";
import { packetColumns } from "./columns";

export function Packets() {
  const least = useStore(ui, (s) => s.minPremium);
  const passes = useMemo(() => (least > 0 ? (p: FlowPacket) => (p.premium ?? 0) >= least : null), [least]);
  const feed = feeds["flow.packets"];
  return (
    <Panel title="Packets" hint="g p" feed={feed as unknown as Feed}>
      <FeedTable
        feed={feed}
        label="Packets, newest first"
        panel="p"
        columns={packetColumns}
        passes={passes}
        empty={<Nothing what="packets" otherwise="A packet closes half a second after its first print." />}
      />
    </Panel>
  );
}
