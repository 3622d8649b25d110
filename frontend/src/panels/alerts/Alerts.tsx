/** The alerts, newest first. */
import { useMemo } from "react";
import { useStore } from "zustand";
import { feeds, ui } from "../../app/session";
import type { Alert } from "../../domain/events";
import type { Feed } from "../../feed/feed";
import { FeedTable } from "../../table/FeedTable";
import { Nothing } from "../Nothing";
import { Panel } from "../Panel";
import { alertColumns } from "./columns";

const isHigh = (alert: Alert) => alert.severity === "high";

export function Alerts() {
  const least = useStore(ui, (s) => s.minPremium);
  const passes = useMemo(() => (least > 0 ? (a: Alert) => (a.premium ?? 0) >= least : null), [least]);
  const feed = feeds["flow.alerts"];
  return (
    <Panel title="Alerts" hint="g a" feed={feed as unknown as Feed}>
      <FeedTable
        feed={feed}
        label="Alerts, newest first"
        panel="a"
        columns={alertColumns}
        passes={passes}
        strong={isHigh}
        empty={<Nothing what="alerts" otherwise="They appear here when a rule fires on a packet." />}
      />
    </Panel>
  );
}
