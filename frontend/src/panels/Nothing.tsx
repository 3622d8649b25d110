/** An empty list says which of two things it is: nothing has come, or the filter lets nothing through. */
import { useStore } from "zustand";
import { ui } from "../app/session";
import { alertWords } from "../domain/alertFilter";
import { money } from "../domain/numbers";

interface Props {
  what: string;
  otherwise: string;
  premium?: boolean;
  /** What is asked of alerts is asked of these. */
  alerts?: boolean;
}

export function Nothing({ what, otherwise, premium = true, alerts = false }: Props) {
  const tickers = useStore(ui, (s) => s.tickers);
  const least = useStore(ui, (s) => (premium ? s.minPremium : 0));
  const words = useStore(ui, (s) => (alerts ? alertWords(s) : ""));
  if (tickers.length === 0 && least === 0 && words === "")
    return (
      <>
        <strong>No {what} yet.</strong>
        {otherwise}
      </>
    );
  const parts = [
    tickers.length ? `of ${tickers.join(", ")}` : "",
    least > 0 ? `from ${money(least)}` : "",
    words,
  ].filter(Boolean);
  return (
    <>
      <strong>
        No {what} {parts.join(" ")}.
      </strong>
      Press / to change the filter.
    </>
  );
}
