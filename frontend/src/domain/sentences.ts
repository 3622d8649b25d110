/** The same fact in other words: every rule opens with what was traded, and differs in the verb alone. */

/** "1,480 contracts of SPY … C swept in 7 prints within 106 ms for $185.3k." */
const TRADED = /^([\d,]+ contracts of \S+ \d+ \w+ \d+ [\d.]+ [CP]) (.+?) (in (?:one print|\d+ prints).*)$/;

/** Keeps one sentence of each order's size, contract, prints and money: "traded" adds nothing to a verb that says how. */
export function statedOnce(sentences: readonly string[]): string[] {
  const out: string[] = [];
  const bare = new Map<string, number>();
  const told = new Set<string>();
  for (const sentence of new Set(sentences)) {
    const [, what, verb, how] = TRADED.exec(sentence) ?? [];
    const fact = `${what} ${how}`;
    const place = bare.get(fact);
    if (what === undefined) out.push(sentence);
    else if (verb !== "traded" && place !== undefined) {
      out[place] = sentence;
      bare.delete(fact);
    } else if (verb !== "traded" || !told.has(fact)) {
      if (verb === "traded") bare.set(fact, out.length);
      out.push(sentence);
    }
    if (what !== undefined) told.add(fact);
  }
  return out;
}
