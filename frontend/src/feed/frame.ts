/**
 * One clock for all panels: whoever has something new is called at most every `SPACING_MS`, on an animation frame;
 * on a hidden page, which gets no frames, once a second, so that nothing piles up.
 */

const SPACING_MS = 60;
const HIDDEN_MS = 1_000;

const dirty = new Set<() => void>();
let scheduled = false;
let last = 0;

function run(now: number): void {
  scheduled = false;
  if (!document.hidden && now - last < SPACING_MS) return schedule();
  last = now;
  const due = [...dirty];
  dirty.clear();
  for (const flush of due) flush();
}

function schedule(): void {
  if (scheduled) return;
  scheduled = true;
  if (document.hidden) setTimeout(() => run(performance.now()), HIDDEN_MS);
  else requestAnimationFrame(run);
}

/** Calls `flush` at the next due frame; asking twice before it is asking once. */
export function onNextFrame(flush: () => void): void {
  dirty.add(flush);
  schedule();
}
