/** Every interface setting that outlives the page: its key, its values, its default. Nothing else touches storage. */

export type Theme = "dark" | "light";
export type TapeTab = "options.marked" | "equities.prints" | "options.prints";

interface Persisted {
  theme: Theme;
  tape: TapeTab;
}

const TABLE: { [K in keyof Persisted]: { key: string; values: readonly Persisted[K][]; fallback: Persisted[K] } } = {
  theme: { key: "undertow.theme", values: ["dark", "light"], fallback: "dark" },
  tape: {
    key: "undertow.tape",
    values: ["options.marked", "equities.prints", "options.prints"],
    fallback: "options.marked",
  },
};

/** A browser may refuse storage; then the default holds for this page. */
export function restore<K extends keyof Persisted>(name: K): Persisted[K] {
  const { key, values, fallback } = TABLE[name];
  try {
    const text = localStorage.getItem(key);
    return values.find((value) => value === text) ?? fallback;
  } catch {
    return fallback;
  }
}

export function persist<K extends keyof Persisted>(name: K, value: Persisted[K]): void {
  try {
    localStorage.setItem(TABLE[name].key, value);
  } catch {
    // Storage refused: the choice holds until the page goes.
  }
}
