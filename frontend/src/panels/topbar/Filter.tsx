/** The filter: tickers, asked of the gateway, and a least premium for alerts and packets; both stand in the address. */
import type { KeyboardEvent } from "react";
import { useId, useRef, useState } from "react";
import { useStore } from "zustand";
import { setAlertFilter, setTickers, ui } from "../../app/session";
import { MAX_TICKERS, readTickers, tickerFault } from "../../app/url";
import { readMoney, typedMoney } from "../../domain/numbers";
import css from "./TopBar.module.css";

interface FieldProps {
  id: string;
  label: string;
  placeholder: string;
  value: string;
  short?: boolean;
  hint: string;
  /** Applies the text; says what is wrong with it when it cannot be read, and applies nothing. */
  apply: (text: string) => string | null;
}

function Field({ id, label, placeholder, value, short = false, hint, apply }: FieldProps) {
  const [text, setText] = useState(value);
  const [fault, setFault] = useState<string | null>(null);
  const told = useId();
  const left = useRef(false);
  const commit = (next: string) => setFault(apply(next));
  const onKeyDown = (e: KeyboardEvent<HTMLInputElement>) => {
    if (e.key === "Enter") {
      commit(text);
      e.currentTarget.blur();
    } else if (e.key === "Escape") {
      left.current = true;
      setText(value);
      setFault(null);
      e.currentTarget.blur();
    } else return;
    e.stopPropagation();
  };
  /** Leaving applies what stands there, but not what Esc has just taken back. */
  const onBlur = () => {
    if (!left.current) commit(text);
    left.current = false;
  };
  return (
    <label className={css.field} data-set={value !== ""} data-bad={fault !== null} title={hint}>
      {label}
      <input
        id={id}
        className={short ? css.short : undefined}
        value={text}
        placeholder={placeholder}
        spellCheck={false}
        autoComplete="off"
        aria-invalid={fault !== null}
        aria-describedby={fault === null ? undefined : told}
        onChange={(e) => setText(e.target.value)}
        onKeyDown={onKeyDown}
        onBlur={onBlur}
      />
      {fault !== null && (
        <span id={told} role="alert" className={css.told}>
          {fault} {value === "" ? "Everything is shown" : `Still shown: ${value}`}. Correct it and press Enter, or Esc.
        </span>
      )}
      {value !== "" && (
        <button type="button" aria-label={`clear ${label}`} onClick={() => commit("")}>
          ×
        </button>
      )}
    </label>
  );
}

export function Filter() {
  const tickers = useStore(ui, (s) => s.tickers);
  const least = useStore(ui, (s) => s.minPremium);
  return (
    <div className={css.filters}>
      <Field
        key={`filter ${tickers.join()}`}
        id="filter"
        label="filter"
        placeholder="/ tickers"
        value={tickers.join(" ")}
        hint={`Up to ${MAX_TICKERS} tickers, such as SPY NVDA. Enter applies, Esc leaves.`}
        apply={(text) => {
          const read = readTickers(text);
          if (read) setTickers(read);
          return read ? null : tickerFault(text);
        }}
      />
      <Field
        key={`least ${least}`}
        id="least"
        label="from $"
        placeholder="any"
        short
        value={least > 0 ? typedMoney(least) : ""}
        hint="Least premium of alerts and packets: 50k, 1.2M"
        apply={(text) => {
          const read = text.trim() === "" ? 0 : readMoney(text);
          if (read !== null && read !== least) setAlertFilter({ minPremium: read });
          return read === null ? `“${text.trim()}” is no amount: 50k, 1.2M, 40000.` : null;
        }}
      />
    </div>
  );
}
