/** What is usual here and where this packet stands: deviations from the mean, with a marker. */
import type { FlowPacket } from "../../domain/events";
import { counted, money, signed, whole } from "../../domain/numbers";
import css from "./Evidence.module.css";
import { useWidth } from "./Timeline";

const HEIGHT = 30;
const LEFT = -2;
const RIGHT = 8;

interface ScaleProps {
  name: string;
  mean: number;
  z: number;
  observed: string;
  usual: string;
}

function Scale({ name, mean, z, observed, usual }: ScaleProps) {
  const [ref, width] = useWidth();
  const left = 72;
  const x = (value: number) =>
    left + ((Math.min(Math.max(value, LEFT), RIGHT) - LEFT) / (RIGHT - LEFT)) * (width - left - 128);
  const at = x(z);
  return (
    <svg
      ref={ref}
      className={css.chart}
      height={HEIGHT}
      role="img"
      aria-label={`${name}: ${observed}, ${signed(z)} deviations from the mean ${usual}`}
      data-mean={mean}
    >
      <text x={56} y={18} textAnchor="end" className={css.axisText}>
        {name}
      </text>
      <rect x={x(-1)} y={9} width={x(1) - x(-1)} height={11} className={css.band} />
      {[-2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8].map((n) => (
        <line
          key={n}
          x1={x(n)}
          x2={x(n)}
          y1={n === 0 ? 7 : 11}
          y2={n === 0 ? 22 : 18}
          className={n === 0 ? css.bandEdge : css.axis}
        />
      ))}
      <path d={`M${at - 5},4 L${at + 5},4 L${at},13 Z`} className={css.here} />
      <text x={width - 116} y={18} className={css.markText}>
        {signed(z)} σ {observed}
      </text>
      <title>{`${observed}; mean ${usual}; the band is one deviation on each side`}</title>
    </svg>
  );
}

export function Baseline({ packet }: { packet: FlowPacket }) {
  const { premium_z: pz, size_z: sz, baseline, baseline_samples: samples = 0 } = packet;
  if (typeof pz !== "number" || typeof sz !== "number") {
    return (
      <p className={css.lead} title="a baseline needs more of them">
        Nothing to compare with yet: {counted(samples, "earlier packet")}.
      </p>
    );
  }
  return (
    <div title={`${counted(samples, "earlier packet")} of its ${baseline ?? ""}`}>
      <Scale
        name="premium"
        mean={packet.premium_mean ?? 0}
        z={pz}
        observed={money(packet.premium ?? 0)}
        usual={money(packet.premium_mean ?? 0)}
      />
      <Scale
        name="size"
        mean={packet.size_mean ?? 0}
        z={sz}
        observed={`${whole(packet.size)}`}
        usual={whole(packet.size_mean ?? 0)}
      />
    </div>
  );
}
