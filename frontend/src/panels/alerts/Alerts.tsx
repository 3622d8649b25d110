/** The alerts, newest first. */
import { useMemo } from "react";
import { useStore } from "zustand";
import { feeds, ui } from "../../app/session";
import { alertPasses } from "../../domain/alertFilter";
import type { Alert } from "../../domain/events";
import type { Feed } from "../../feed/feed";
import { FeedTable } from "../../table/FeedTable";
import { Nothing } from "../Nothing";
import { Panel } from "../Panel";
import { Choices } from "./Choices";
import { alertColumns } from "./columns";

const isHigh = (alert: Alert) => alert.severity === "high";

export function Alerts() {
  const minPremium = useStore(ui, (s) => s.minPremium);
  const severity = useStore(ui, (s) => s.severity);
  const direction = useStore(ui, (s) => s.direction);
  const passes = useMemo(() => alertPasses({ minPremium, severity, direction }), [minPremium, severity, direction]);
  const feed = feeds["flow.alerts"];
  return (
    <Panel title="Alerts" hint="g a" feed={feed as unknown as Feed} choices={<Choices />}>
      <FeedTable
        feed={feed}
        label="Alerts, newest first"
        panel="a"
        columns={alertColumns}
        passes={passes}
        strong={isHigh}
        empty={<Nothing what="alerts" alerts otherwise="They appear here when a rule fires on a packet." />}
      />
    </Panel>
  );
}
