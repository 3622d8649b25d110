import { expect, it, vi } from "vitest";

it("goes on once a second when the page is hidden while a frame is due", async () => {
  vi.useFakeTimers();
  const page = { hidden: false };
  const frames: ((now: number) => void)[] = [];
  vi.stubGlobal("document", page);
  vi.stubGlobal("requestAnimationFrame", (frame: (now: number) => void) => frames.push(frame));
  const { onNextFrame } = await import("./frame");
  const flush = vi.fn();
  onNextFrame(flush);
  page.hidden = true;
  for (let second = 0; second < 10; second++) {
    onNextFrame(flush);
    vi.advanceTimersByTime(1_000);
  }
  expect(flush).toHaveBeenCalledTimes(10);
  // The frame that was due comes when the page is seen again: it has nothing left to do, and the next one has.
  page.hidden = false;
  frames.forEach((frame) => frame(performance.now()));
  expect(flush).toHaveBeenCalledTimes(10);
  onNextFrame(flush);
  frames.at(-1)?.(performance.now() + 1_000);
  expect(flush).toHaveBeenCalledTimes(11);
  vi.unstubAllGlobals();
  vi.useRealTimers();
});
