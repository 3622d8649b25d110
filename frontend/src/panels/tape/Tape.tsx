/** The tape: option prints with their quotes, equity prints, and option prints as they arrive. */
import { useStore } from "zustand";
import type { TapeTab } from "../../app/persisted";
import { feeds, link, setTape, ui } from "../../app/session";
import type { Feed } from "../../feed/feed";
import { FeedTable } from "../../table/FeedTable";
import { Nothing } from "../Nothing";
import { Panel, panelStyles } from "../Panel";
import { equityColumns, markedColumns, printColumns } from "./columns";

const TABS: readonly { tab: TapeTab; name: string; about: string }[] = [
  { tab: "options.marked", name: "Options tape", about: "option prints joined to the last quote before them" },
  { tab: "equities.prints", name: "Equities tape", about: "equity prints; off-exchange ones are marked D" },
  {
    tab: "options.prints",
    name: "As printed",
    about: "option prints straight from the feed, before any quote is joined",
  },
];

function Tabs({ tape }: { tape: TapeTab }) {
  return (
    <div className={panelStyles.tabs} role="tablist" aria-label="Tape">
      {TABS.map(({ tab, name, about }) => (
        <button
          key={tab}
          type="button"
          role="tab"
          className={panelStyles.tab}
          aria-selected={tab === tape}
          title={about}
          onClick={() => setTape(tab)}
        >
          {name}
        </button>
      ))}
    </div>
  );
}

export function Tape() {
  const tape = useStore(ui, (s) => s.tape);
  const unmarked = useStore(
    link,
    ({ status }) => (status?.rates["options.prints"] ?? 0) > 0 && status?.rates["options.marked"] === 0,
  );
  const feed = feeds[tape] as unknown as Feed;
  const marked = unmarked
    ? "Prints arrive but are not marked: the flow is down or behind. See As printed."
    : "They appear here as the market trades.";
  return (
    <Panel title="Tape" hint="g t" feed={feed} tabs={<Tabs tape={tape} />}>
      {tape === "options.marked" && (
        <FeedTable
          key={tape}
          feed={feeds[tape]}
          label="Options tape, newest first"
          panel="t"
          columns={markedColumns}
          empty={<Nothing what="prints" otherwise={marked} premium={false} />}
        />
      )}
      {tape === "equities.prints" && (
        <FeedTable
          key={tape}
          feed={feeds[tape]}
          label="Equities tape, newest first"
          panel="t"
          columns={equityColumns}
          empty={<Nothing what="prints" otherwise="The data set may hold no equities." premium={false} />}
        />
      )}
      {tape === "options.prints" && (
        <FeedTable
          key={tape}
          feed={feeds[tape]}
          label="Option prints as they arrive, newest first"
          panel="t"
          columns={printColumns}
          empty={<Nothing what="prints" otherwise="They appear here as the market trades." premium={false} />}
        />
      )}
    </Panel>
  );
}
