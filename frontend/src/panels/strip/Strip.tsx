/** The severity strip: the last half hour of alerts by direction; a click opens the nearest. */
import type { PointerEvent } from "react";
import { useEffect, useRef } from "react";
import { feeds, link, select, STRIP_MINUTES, ui } from "../../app/session";
import { alertPasses } from "../../domain/alertFilter";
import { onNextFrame } from "../../feed/frame";
import type { StripMark } from "./model";
import { marksOf, nearest } from "./model";
import { draw, MIDDLE } from "./renderer";
import css from "./Strip.module.css";

const SPAN_NS = STRIP_MINUTES * 60e9;
const REACH_PX = 8;

export function Strip() {
  const canvas = useRef<HTMLCanvasElement>(null);
  const marks = useRef<StripMark[]>([]);

  useEffect(() => {
    const redraw = () => {
      if (!canvas.current) return;
      const now = link.getState().newestTs;
      const passes = alertPasses(ui.getState());
      const rows = feeds["flow.alerts"].rows.shown;
      const kept = passes ? rows.filter((row) => row.kind === "event" && passes(row.event)) : rows;
      marks.current = marksOf(kept, now, SPAN_NS);
      const selected = ui.getState().selected;
      draw(canvas.current, marks.current, now, SPAN_NS, selected?.topic === "flow.alerts" ? selected.id : null);
    };
    const ask = () => onNextFrame(redraw);
    const stops = [feeds["flow.alerts"].store.subscribe(ask), link.subscribe(ask), ui.subscribe(ask)];
    const resized = new ResizeObserver(ask);
    if (canvas.current) resized.observe(canvas.current);
    ask();
    return () => {
      stops.forEach((stop) => stop());
      resized.disconnect();
    };
  }, []);

  const onClick = (e: PointerEvent<HTMLCanvasElement>) => {
    const box = e.currentTarget.getBoundingClientRect();
    const lane = e.clientY - box.top <= MIDDLE ? "up" : "down";
    const mark = nearest(marks.current, (e.clientX - box.left) / (box.width - 4), lane, REACH_PX / box.width);
    if (mark) select({ topic: "flow.alerts", id: mark.id });
  };

  return (
    <div className={css.strip}>
      <div
        className={css.legend}
        title="Alerts of the last 30 minutes of event time; height is severity. Withdrawn ones are small and grey on the line"
      >
        <span className={css.up}>bullish</span>
        <span className={css.down}>bearish</span>
      </div>
      <canvas
        ref={canvas}
        className={css.canvas}
        onPointerDown={onClick}
        role="img"
        aria-label="Alerts of the last 30 minutes by direction and severity"
      />
    </div>
  );
}
