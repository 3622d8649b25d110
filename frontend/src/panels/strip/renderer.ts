/** Draws the strip's marks on a canvas: bullish above the line, bearish below, height by severity. */
import { clock } from "../../domain/time";
import type { StripMark } from "./model";

const TICK_MINUTES = 5;
const UNIT = 4;
/** The line between the lanes; the times stand below both. */
export const MIDDLE = 15;

export function draw(
  canvas: HTMLCanvasElement,
  marks: readonly StripMark[],
  now: number,
  spanNs: number,
  selected: string | null,
): void {
  const ratio = devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const ctx = canvas.getContext("2d");
  if (!ctx) return;
  const style = getComputedStyle(canvas);
  const token = (name: string) => style.getPropertyValue(`--${name}`).trim();
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.clearRect(0, 0, width, height);
  const middle = MIDDLE;
  scale(ctx, width, height, now, spanNs, token);
  ctx.fillStyle = token("line-strong");
  ctx.fillRect(0, Math.floor(middle), width, 1);
  for (const mark of marks) {
    const x = Math.round(mark.x * (width - 4));
    const tall = mark.level * UNIT + 1;
    ctx.fillStyle = token(mark.colour);
    ctx.globalAlpha = mark.id === selected ? 1 : 0.45 + mark.level * 0.18;
    if (mark.lane === "up") ctx.fillRect(x, middle - 1 - tall, 2, tall);
    else if (mark.lane === "down") ctx.fillRect(x, middle + 2, 2, tall);
    else ctx.fillRect(x, middle - tall / 2, 2, tall);
    if (mark.id === selected) {
      ctx.fillStyle = token("accent");
      ctx.fillRect(x - 2, height - 3, 6, 3);
    }
  }
  ctx.globalAlpha = 1;
}

function scale(
  ctx: CanvasRenderingContext2D,
  width: number,
  height: number,
  now: number,
  spanNs: number,
  token: (name: string) => string,
): void {
  if (now === 0) return;
  const step = TICK_MINUTES * 60e9;
  ctx.font = `10px ${token("sans")}`;
  for (let at = Math.floor(now / step) * step; at > now - spanNs; at -= step) {
    const x = Math.round((1 - (now - at) / spanNs) * (width - 4));
    ctx.fillStyle = token("line");
    ctx.fillRect(x, 0, 1, height);
    ctx.fillStyle = token("muted");
    if (x < width - 36) ctx.fillText(clock(at).slice(0, 5), x + 4, height - 2);
  }
}
