/** Which alerts are shown: by premium, by severity, by what they claim. All of it stands in the address. */
import type { Alert } from "./events";

export type Severity = Alert["severity"];
export const SEVERITIES = ["low", "medium", "high"] as const satisfies readonly Severity[];

/** `claimed` is bullish or bearish. */
export const DIRECTIONS = ["any", "claimed", "bullish", "bearish"] as const;
export type Wanted = (typeof DIRECTIONS)[number];

export interface AlertFilter {
  readonly minPremium: number;
  /** The least severity that is shown. */
  readonly severity: Severity;
  readonly direction: Wanted;
}

const SIDED: readonly string[] = ["bullish", "bearish"];

function isWanted(direction: string, wanted: Wanted): boolean {
  return wanted === "any" || (wanted === "claimed" ? SIDED.includes(direction) : direction === wanted);
}

/** Returns what tells whether an alert is shown; null where every one is. */
export function alertPasses({ minPremium, severity, direction }: AlertFilter): ((alert: Alert) => boolean) | null {
  if (minPremium <= 0 && severity === "low" && direction === "any") return null;
  const least = SEVERITIES.indexOf(severity);
  return (alert) =>
    (minPremium <= 0 || (alert.premium ?? 0) >= minPremium) &&
    SEVERITIES.indexOf(alert.severity) >= least &&
    isWanted(alert.direction, direction);
}

/** Says in a few words what the filter asks of an alert beside its premium; empty where it asks nothing. */
export function alertWords({ severity, direction }: AlertFilter): string {
  const words = [
    severity === "low" ? "" : severity === "medium" ? "of medium or high severity" : "of high severity",
    direction === "any" ? "" : direction === "claimed" ? "that claim a direction" : `that read as ${direction}`,
  ];
  return words.filter(Boolean).join(" ");
}
