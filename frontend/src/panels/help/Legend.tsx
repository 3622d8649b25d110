/** How the marks are read. */
import { Glyph, SeverityBar, Unknown } from "../../cells/cells";
import css from "./Legend.module.css";

export function Legend() {
  return (
    <dl className={css.legend}>
      <dt>
        <Glyph side="buy" /> <Glyph side="sell" />
      </dt>
      <dd>bought, sold; bullish, bearish</dd>
      <dt>
        <Glyph side="mixed" /> <Glyph side="none" />
      </dt>
      <dd>mixed; none or not known</dd>
      <dt>
        <i className={`${css.tint} ${css.buyFull}`} />
        <i className={`${css.tint} ${css.sellFull}`} />
      </dt>
      <dd>traded beyond the quote</dd>
      <dt>
        <i className={`${css.tint} ${css.buyMedium}`} />
        <i className={`${css.tint} ${css.sellMedium}`} />
      </dt>
      <dd>at the quote: ask, bid</dd>
      <dt>
        <i className={`${css.tint} ${css.buyFaint}`} />
        <i className={`${css.tint} ${css.sellFaint}`} />
      </dt>
      <dd>inside the quote</dd>
      <dt>
        <i className={`${css.tint} ${css.inside}`} />
      </dt>
      <dd>in a mix: inside the quote; an arrow beside it is told by other rules</dd>
      <dt>
        <SeverityBar severity="low" /> <SeverityBar severity="medium" /> <SeverityBar severity="high" />
      </dt>
      <dd>severity</dd>
      <dt>
        <Unknown why="a reason stands here" />
      </dt>
      <dd>not known; the reason on hover</dd>
    </dl>
  );
}
