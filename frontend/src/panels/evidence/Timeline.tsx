/** The member prints on a time line with the quote band; shape says the side, area the size. */
import { useLayoutEffect, useMemo, useRef, useState } from "react";
import type { MarkedPrint } from "../../domain/events";
import { price, whole } from "../../domain/numbers";
import { clockMs } from "../../domain/time";
import { placementWords } from "../../domain/words";
import css from "./Evidence.module.css";
import type { Dot } from "./timeline";
import { timelineOf } from "./timeline";

const HEIGHT = 128;

export function useWidth() {
  const ref = useRef<SVGSVGElement>(null);
  const [width, setWidth] = useState(640);
  useLayoutEffect(() => {
    const element = ref.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setWidth(element.clientWidth || 640));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return [ref, width] as const;
}

function Mark({ dot }: { dot: Dot }) {
  const { x, y, r, side, print } = dot;
  const title = `${clockMs(print.ts)}  ${whole(print.size)} at ${price(print.price)}, ${placementWords(print.placement)}`;
  const shape =
    side === "buy"
      ? `M${x - r},${y + r} L${x},${y - r} L${x + r},${y + r} Z`
      : side === "sell"
        ? `M${x - r},${y - r} L${x},${y + r} L${x + r},${y - r} Z`
        : null;
  return shape ? (
    <path d={shape} className={css[side]}>
      <title>{title}</title>
    </path>
  ) : (
    <circle cx={x} cy={y} r={r * 0.8} className={css.none}>
      <title>{title}</title>
    </circle>
  );
}

export function Timeline({ prints }: { prints: readonly MarkedPrint[] }) {
  const [ref, width] = useWidth();
  const line = useMemo(
    () => timelineOf(prints, { left: 72, right: width - 24, top: 12, bottom: HEIGHT - 24 }),
    [prints, width],
  );
  return (
    <svg
      ref={ref}
      className={css.chart}
      height={HEIGHT}
      role="img"
      aria-label={`${prints.length} prints over time against their quotes`}
    >
      {line && (
        <>
          {line.bands.map((points) => (
            <polygon key={points} points={points} className={css.band} />
          ))}
          {line.ticks.map(({ y, price: p }) => (
            <g key={p}>
              <line x1={64} x2={width} y1={y} y2={y} className={css.axis} />
              <text x={56} y={y + 3.5} textAnchor="end" className={css.axisText}>
                {price(p)}
              </text>
            </g>
          ))}
          {line.dots.map((dot) => (
            <Mark key={dot.id} dot={dot} />
          ))}
          <text x={72} y={HEIGHT - 8} className={css.axisText}>
            {clockMs(line.startNs)}
          </text>
          <text x={width - 24} y={HEIGHT - 8} textAnchor="end" className={css.axisText}>
            {line.spanMs >= 1 ? `+${line.spanMs.toFixed(0)} ms` : ""}
          </text>
        </>
      )}
    </svg>
  );
}
