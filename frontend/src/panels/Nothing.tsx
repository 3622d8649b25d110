/** An empty list says which of two things it is: nothing has come, or the filter lets nothing through. */
import { useStore } from "zustand";
import { ui } from "../app/session";
import { money } from "../domain/numbers";

export function Nothing({ what, otherwise, premium = true }: { what: string; otherwise: string; premium?: boolean }) {
  const tickers = useStore(ui, (s) => s.tickers);
  const least = useStore(ui, (s) => (premium ? s.minPremium : 0));
  if (tickers.length === 0 && least === 0)
    return (
      <>
        <strong>No {what} yet.</strong>
        {otherwise}
      </>
    );
  const parts = [tickers.length ? `of ${tickers.join(", ")}` : "", least > 0 ? `from ${money(least)}` : ""].filter(
    Boolean,
  );
  return (
    <>
      <strong>
        No {what} {parts.join(" ")}.
      </strong>
      Press / to change the filter.
    </>
  );
}
