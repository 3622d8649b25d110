/** What is asked of alerts beside tickers and premium: a least severity, and what they claim. It stands in the address. */
import { useStore } from "zustand";
import { setAlertFilter, ui } from "../../app/session";
import { DIRECTIONS, SEVERITIES } from "../../domain/alertFilter";
import css from "./Choices.module.css";

interface ChoiceProps<T extends string> {
  id: string;
  label: string;
  hint: string;
  value: T;
  /** What can be chosen, and how it reads; the first asks nothing. */
  options: readonly (readonly [T, string])[];
  choose: (value: T) => void;
}

function Choice<T extends string>({ id, label, hint, value, options, choose }: ChoiceProps<T>) {
  return (
    <label className={css.choice} data-set={value !== options[0]?.[0]} title={hint}>
      {label}
      <select
        id={id}
        value={value}
        onChange={(e) => {
          const chosen = options.find(([each]) => each === e.target.value);
          if (chosen) choose(chosen[0]);
        }}
        onKeyDown={(e) => {
          if (e.key !== "Enter" && e.key !== "Escape") return;
          e.currentTarget.blur();
          e.stopPropagation();
        }}
      >
        {options.map(([each, reads]) => (
          <option key={each} value={each}>
            {reads}
          </option>
        ))}
      </select>
    </label>
  );
}

const SEVERITY_READS = { low: "any", medium: "medium +", high: "high" } as const;

export function Choices() {
  const severity = useStore(ui, (s) => s.severity);
  const direction = useStore(ui, (s) => s.direction);
  return (
    <>
      <Choice
        id="severity"
        label="severity"
        hint="Least severity of alerts"
        value={severity}
        options={SEVERITIES.map((each) => [each, SEVERITY_READS[each]] as const)}
        choose={(chosen) => setAlertFilter({ severity: chosen })}
      />
      <Choice
        id="direction"
        label="direction"
        hint="What alerts claim; neutral and mixed ones claim nothing"
        value={direction}
        options={DIRECTIONS.map((each) => [each, each] as const)}
        choose={(chosen) => setAlertFilter({ direction: chosen })}
      />
    </>
  );
}
