/** The same fact in other words: every rule opens with what was traded, and differs in the verb alone. */

/** "1,480 contracts of SPY … C swept in 7 prints within 106 ms for $185.3k." */
const TRADED = /^([\d,]+ contracts of \S+ \d+ \w+ \d+ [\d.]+ [CP]) (.+?) (in (?:one print|\d+ prints).*)$/;

/** Keeps one sentence of each order's size, contract, prints and money: the one that says how, not only "traded". */
export function statedOnce(sentences: readonly string[]): string[] {
  const out: string[] = [];
  const at = new Map<string, number>();
  for (const sentence of new Set(sentences)) {
    const [, what, verb, how] = TRADED.exec(sentence) ?? [];
    const fact = what && `${what} ${how}`;
    const place = fact ? at.get(fact) : undefined;
    if (fact && place === undefined) at.set(fact, out.length);
    if (place === undefined) out.push(sentence);
    else if (/ traded in /.test(out[place] ?? "") && verb !== "traded") out[place] = sentence;
  }
  return out;
}
