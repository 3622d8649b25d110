/** What an id says by itself: ids are content, and each holds the raw print `source:topic:instrument:ts:k` it began with. */

export interface PrintPlace {
  readonly instrument: string;
  readonly ts: bigint;
}

const PRINT = /(?:^|:)[^:\s]+:[^:\s]+:([^:\s]+):(\d+):[^:\s]+/;

/** Instrument and time of the print in an id; null when there is none, and then it is no id of an event. */
export function placeOf(id: string): PrintPlace | null {
  const [, instrument, ts] = PRINT.exec(id) ?? [];
  if (!instrument || !ts) return null;
  try {
    return { instrument: decodeURIComponent(instrument), ts: BigInt(ts) };
  } catch {
    return null;
  }
}

/** Whether it is of the form of an alert, hit, structure, packet or parent: what the gateway gathers evidence of. */
export function isGathered(id: string): boolean {
  return /^(?:al:)?(?:pk|pa|st:pa):/.test(id) && placeOf(id) !== null;
}
