/**
 * One clock for all panels: whoever has something new is called at most every `SPACING_MS`, on an animation frame;
 * on a hidden page, which gets no frames, once a second, so that nothing piles up.
 */

const SPACING_MS = 60;
const HIDDEN_MS = 1_000;

const dirty = new Set<() => void>();
/** Runs when no frame comes: a page may be hidden after it asked for one. Undefined while nothing is due. */
let timer: ReturnType<typeof setTimeout> | undefined;
let last = 0;

function run(now: number): void {
  clearTimeout(timer);
  timer = undefined;
  if (!document.hidden && now - last < SPACING_MS) return schedule();
  last = now;
  const due = [...dirty];
  dirty.clear();
  for (const flush of due) flush();
}

function schedule(): void {
  if (timer !== undefined) return;
  const mine = setTimeout(() => run(performance.now()), HIDDEN_MS);
  timer = mine;
  // A frame that comes after its timer has nothing left to do.
  if (!document.hidden) requestAnimationFrame((now) => timer === mine && run(now));
}

/** Calls `flush` at the next due frame; asking twice before it is asking once. */
export function onNextFrame(flush: () => void): void {
  dirty.add(flush);
  schedule();
}
