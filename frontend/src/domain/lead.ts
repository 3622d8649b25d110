/** Which of an alert's rules leads: the one whose confidence the alert carries. Row and evidence ask the same here. */
import type { Alert, Hit } from "./events";

/** A later look's rule lowers an alert; its confidence is never the alert's. */
const LATER = "no_follow_through";
/** Reasons write a confidence with two decimals. */
const ROUNDED = 0.0051;

/** "put_sweep reads it as directional (0.84)." */
const READS = /^(?<rule>[a-z0-9_]+) reads it as [a-z]+ \((?<confidence>\d+\.\d+)\)\.$/;

function saidOf(alert: Alert): Map<string, number> {
  const said = new Map<string, number>();
  for (const reason of alert.style_reasons ?? []) {
    const { rule, confidence } = READS.exec(reason)?.groups ?? {};
    if (rule) said.set(rule, Number(confidence));
  }
  return said;
}

/**
 * An alert names its rules in no order of weight, and of their confidences it carries only the best. Its style's reasons
 * say some of them; null when what it carries does not tell whose the best is.
 */
export function leadOf(alert: Alert): string | null {
  const rules = [...new Set(alert.rules)].filter((rule) => rule !== LATER);
  if (rules.length < 2) return rules[0] ?? alert.rules[0] ?? null;
  const said = saidOf(alert);
  const ranked = rules
    .filter((rule) => Math.abs((said.get(rule) ?? Infinity) - alert.confidence) < ROUNDED)
    .sort((a, b) => (said.get(a) ?? 0) - (said.get(b) ?? 0) || (a < b ? -1 : 1));
  const silent = rules.filter((rule) => !said.has(rule));
  return ranked.at(-1) ?? (silent.length === 1 ? (silent[0] ?? null) : null);
}

/** Hits that stand, and those that a cancelled print took back. */
export function parted(hits: readonly Hit[]): [Hit[], Hit[]] {
  return [hits.filter((hit) => hit.confidence > 0), hits.filter((hit) => hit.confidence === 0)];
}

/** Hits, the alert's leading one first, then by confidence; equals as the operators rank them. */
export function inOrder(hits: readonly Hit[], alert: Alert | null): Hit[] {
  const ranked = [...hits].sort((a, b) => b.confidence - a.confidence || (a.rule < b.rule ? 1 : -1));
  const carried = ranked.filter((hit) => alert !== null && Math.abs(hit.confidence - alert.confidence) < ROUNDED);
  const rule = alert && leadOf(alert);
  const lead = carried.find((hit) => hit.rule === rule) ?? carried[0];
  return lead ? [lead, ...ranked.filter((hit) => hit !== lead)] : ranked;
}
