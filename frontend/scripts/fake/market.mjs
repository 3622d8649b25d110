// Generated events in the wire's form, for looking at the screen and for tests of it; nothing here is a market.

const VENUES = [..."ABCDEGHIJMNPQSTUVWXZ"];
const SPOTS = {
    SPY: 671.2,
    QQQ: 602.5,
    NVDA: 186.4,
    TSLA: 402.3,
    AAPL: 271.6,
    AMZN: 232.1,
    META: 612.7,
    MSFT: 498.9,
    AMD: 214.2,
    IWM: 241.3,
    SPX: 6712.4,
    COIN: 288.4,
    PLTR: 171.9,
    "BRK.B": 508.2,
    GOOGL: 289.6,
    NFLX: 1104.5,
    SMCI: 38.2,
    MSTR: 231.5,
    XLE: 91.2,
    TLT: 90.1,
};
export const TICKERS = Object.keys(SPOTS);
const DAY = 86_400_000;

export function makeRandom(seed) {
    let a = seed >>> 0;
    return () => {
        a = (a + 0x6d2b79f5) | 0;
        let t = Math.imul(a ^ (a >>> 15), 1 | a);
        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
}

const round = (x, d = 2) => Number(x.toFixed(d));
const ns = (ms) => BigInt(Math.round(ms * 1000)) * 1000n;
const two = (n) => String(n).padStart(2, "0");

export class Market {
    constructor(seed, startMs) {
        this.random = makeRandom(seed);
        this.now = startMs;
        this.count = 0;
        this.samples = new Map();
    }

    pick(list) {
        return list[Math.floor(this.random() * list.length)];
    }

    ticker() {
        return TICKERS[Math.floor(this.random() ** 1.8 * TICKERS.length)];
    }

    contract(ticker) {
        const spot = SPOTS[ticker];
        const step = spot > 2000 ? 25 : spot > 300 ? 5 : spot > 100 ? 2.5 : 1;
        const strike = Math.round((spot * (1 + (this.random() - 0.5) * 0.16)) / step) * step;
        const ahead = this.pick([0, 1, 4, 4, 11, 11, 18, 25, 53, 88, 207]);
        const day = new Date(Math.floor(this.now / DAY) * DAY + ahead * DAY);
        const right = this.random() < 0.58 ? "C" : "P";
        const root = ticker === "SPX" ? "SPXW" : ticker.replace(".", "");
        const ymd = `${two(day.getUTCFullYear() % 100)}${two(day.getUTCMonth() + 1)}${two(day.getUTCDate())}`;
        const id = `${root}${ymd}${right}${String(Math.round(strike * 1000)).padStart(8, "0")}`;
        const inner = Math.max(right === "C" ? spot - strike : strike - spot, 0);
        const time = spot * 0.018 * Math.sqrt((ahead + 0.4) / 10) * Math.exp(-(((strike - spot) / spot / 0.05) ** 2));
        return { id, underlying: ticker, right, strike, spot, mid: Math.max(inner + time, 0.05) };
    }

    quote(contract) {
        const tick = contract.mid < 3 ? 0.01 : 0.05;
        const half = Math.max(tick, contract.mid * 0.012);
        const bid = round(Math.max(Math.floor((contract.mid - half) / tick) * tick, 0));
        return { bid, ask: round(bid + Math.max(tick, Math.round((2 * half) / tick) * tick)), tick };
    }

    marked(contract, over = {}) {
        const { bid, ask, tick } = over.quote ?? this.quote(contract);
        const r = this.random();
        const bias = over.bias ?? 0.5;
        let price =
            r < bias * 0.78
                ? ask
                : r < 0.78
                  ? bid
                  : r < 0.95
                    ? round((bid + ask) / 2)
                    : r < 0.975
                      ? round(ask + tick)
                      : round(bid - tick);
        price = Math.max(price, tick);
        const fault = over.quote ? 1 : this.random();
        let placement =
            price > ask
                ? "above_ask"
                : price === ask
                  ? "ask"
                  : price === bid
                    ? "bid"
                    : price < bid
                      ? "below_bid"
                      : "inside";
        if (fault < 0.02) placement = this.pick(["missing", "stale", "locked", "not_firm"]);
        const faulty = ["missing", "stale", "locked", "not_firm"].includes(placement);
        const side = faulty
            ? "none"
            : placement.includes("ask")
              ? "buy"
              : placement.includes("bid")
                ? "sell"
                : this.random() < 0.4
                  ? this.pick(["buy", "sell"])
                  : "none";
        const size = over.size ?? Math.max(1, Math.round(Math.exp(this.random() * 4.2)));
        const exchange = this.pick(VENUES);
        const ts = ns(over.ms ?? this.now);
        const code = over.sweep ? "S" : this.pick(["I", "I", "I", "I", "I", "a", "f", "S", "g", "n", "D"]);
        const flag = { a: "auction", f: "complex", g: "complex", n: "stock_tied", D: "late" }[code] ?? "regular";
        const event = {
            id: `synthetic:options.prints:${contract.id}:${ts}:${++this.count}`,
            ts,
            order_ts: ts,
            contract: contract.id,
            underlying: contract.underlying,
            price,
            size,
            source: "synthetic",
            placement,
            premium: round(price * size * 100),
            exchange,
            conditions: [code],
        };
        if (flag !== "regular") event.flag = flag;
        if (code === "D") event.reported_late = true;
        if (code === "S") event.intermarket_sweep = true;
        if (placement !== "missing")
            Object.assign(event, {
                bid,
                ask,
                bid_size: 1 + Math.floor(this.random() * 180),
                ask_size: 1 + Math.floor(this.random() * 180),
                quote_ts: ts - BigInt(Math.floor(this.random() * 4e8)),
                quote_origin: "topic",
                book: "national",
            });
        if (!faulty) event.position = ask > bid ? round((price - bid) / (ask - bid), 4) : 0.5;
        if (side !== "none")
            Object.assign(event, {
                side,
                side_rule:
                    placement === "inside"
                        ? this.pick(["depth", "tick"])
                        : this.random() < 0.2
                          ? "trade_size"
                          : "quote",
                side_confidence: placement === "inside" ? 0.61 : 0.84,
            });
        return event;
    }

    raw(marked) {
        const { id, ts, contract, price, size, exchange, conditions, source } = marked;
        return { id, ts, contract, price, size, exchange, conditions, source };
    }

    equity() {
        const symbol = this.ticker();
        if (symbol === "SPX") return this.equity();
        const ts = ns(this.now);
        const off = this.random() < 0.48;
        return {
            id: `synthetic:equities.prints:${symbol}:${ts}:${++this.count}`,
            ts,
            symbol,
            price: round(SPOTS[symbol] * (1 + (this.random() - 0.5) * 0.002), off ? 4 : 2),
            size: this.random() < 0.04 ? round(this.random() * 9, 3) : Math.round(Math.exp(this.random() * 7.5)),
            exchange: off ? "D" : this.pick([..."NPQZKVYU"]),
            conditions: this.pick([["@"], ["@"], ["F"], ["I"], ["@", "I"], []]),
            tape: "C",
            source: "synthetic",
        };
    }

    packet(contract, prints) {
        const sum = (test) => prints.filter(test).reduce((n, p) => n + p.size, 0);
        const size = sum(() => true);
        const covered = sum((p) => p.position !== undefined);
        const prices = prints.map((p) => p.price);
        const first = prints[0];
        const due = first.ts + 500_000_000n;
        const samples = (this.samples.get(contract.underlying) ?? 0) + 1;
        this.samples.set(contract.underlying, samples);
        const premium = round(prints.reduce((n, p) => n + p.premium, 0));
        const packet = {
            id: `pk:${first.id}`,
            ts: due,
            contract: contract.id,
            underlying: contract.underlying,
            flag: first.flag ?? "regular",
            start_ts: first.ts,
            end_ts: prints.at(-1).ts,
            window_ms: 500,
            count: prints.length,
            size,
            premium,
            price_first: prices[0],
            price_last: prices.at(-1),
            price_low: Math.min(...prices),
            price_high: Math.max(...prices),
            vwap: round(premium / size / 100, 4),
            buy_size: sum((p) => p.side === "buy" && p.placement !== "inside"),
            sell_size: sum((p) => p.side === "sell" && p.placement !== "inside"),
            covered_size: covered,
            coverage: round(covered / size, 4),
            members: prints.map((p) => p.id),
            ask_size: sum((p) => p.placement === "ask"),
            above_ask_size: sum((p) => p.placement === "above_ask"),
            inside_size: sum((p) => p.placement === "inside"),
            bid_size: sum((p) => p.placement === "bid"),
            below_bid_size: sum((p) => p.placement === "below_bid"),
            venues: [...new Set(prints.map((p) => p.exchange))],
            intermarket_sweeps: prints.filter((p) => p.intermarket_sweep).length,
        };
        if (samples > 12) {
            const mean = 9000 + this.random() * 30_000;
            const sizeMean = 20 + this.random() * 120;
            Object.assign(packet, {
                baseline: samples > 40 ? "contract" : this.pick(["contract", "bucket", "underlying"]),
                baseline_samples: Math.min(samples, 50),
                premium_mean: round(mean),
                premium_z: round((premium - mean) / (mean * 0.8 + 4000), 4),
                size_mean: round(sizeMean, 3),
                size_z: round((size - sizeMean) / (sizeMean * 0.7 + 5), 4),
            });
        }
        return packet;
    }

    /** A planted parent order: its prints, packet, hits and alert. */
    sweep() {
        const contract = this.contract(this.ticker());
        const quote = this.quote(contract);
        const n = 3 + Math.floor(this.random() * 9);
        const bias = this.random() < 0.85 ? 0.97 : 0.5;
        let at = this.now;
        const prints = [];
        for (let i = 0; i < n; i++) {
            at += this.random() * 45;
            const drift = Math.floor(i / 4) * quote.tick;
            prints.push(
                this.marked(contract, {
                    quote: { bid: round(quote.bid + drift), ask: round(quote.ask + drift), tick: quote.tick },
                    bias,
                    ms: at,
                    sweep: this.random() < 0.6,
                    size: Math.round(Math.exp(1.6 + this.random() * 3.6)),
                }),
            );
        }
        for (const p of prints) delete p.flag;
        const packet = this.packet(contract, prints);
        const bought = packet.covered_size ? packet.buy_size / packet.covered_size : 0;
        const rules = this.judge(contract, packet, bought);
        const hits = rules.filter((r) => r.fired).map((r) => this.hit(packet, r));
        return { prints, packet, rules, hits, alert: hits.length ? this.alert(packet, hits) : null };
    }

    judge(contract, packet, bought) {
        const check = (name, observed, comparison, threshold, required = true) => ({
            name,
            observed,
            comparison,
            threshold,
            required,
            passed: observed !== null && (comparison === "==" ? observed === threshold : observed >= threshold),
        });
        const sweepOf = (rule, right, direction) => {
            const checks = [
                check("right", contract.right, "==", right),
                check("flag", packet.flag, "==", "regular"),
                check("print count", packet.count, ">=", 3),
                check("quote coverage", packet.coverage, ">=", 0.5),
                check("bought share of covered size", round(bought, 4), ">=", 0.55),
                check("premium, dollars", packet.premium, ">=", 40_000),
                check("premium z", packet.premium_z ?? null, ">=", 2, false),
                check("intermarket sweep prints", packet.intermarket_sweeps, ">=", 1, false),
                check("venues", packet.venues.length, ">=", 2, false),
            ];
            return {
                rule,
                version: 1,
                direction,
                checks,
                fired: checks.every((c) => c.passed || !c.required),
                confidence: round(0.5 + 0.3 * bought, 4),
            };
        };
        const z = packet.premium_z !== undefined;
        const spike = [
            check("flag", packet.flag, "==", "regular"),
            check("size, contracts", packet.size, ">=", 400),
            check("premium, dollars", packet.premium, ">=", 20_000),
            check("premium z", packet.premium_z ?? null, ">=", 2.5, z),
            check("size z", packet.size_z ?? null, ">=", 2, z),
        ];
        const direction = bought >= 0.55 ? (contract.right === "C" ? "bullish" : "bearish") : "neutral";
        return [
            sweepOf("large_bullish_call_sweep", "C", "bullish"),
            sweepOf("large_bearish_put_sweep", "P", "bearish"),
            {
                rule: "unusual_contract_spike",
                version: 1,
                direction,
                checks: spike,
                fired: spike.every((c) => c.passed || !c.required),
                confidence: 0.58,
            },
        ];
    }

    hit(packet, rule) {
        const ms = Number(packet.end_ts - packet.start_ts) / 1e6;
        return {
            id: `${packet.id}:${rule.rule}`,
            revision: 0,
            ts: packet.ts,
            packet_id: packet.id,
            contract: packet.contract,
            underlying: packet.underlying,
            rule: rule.rule,
            version: 1,
            direction: rule.direction,
            style: rule.rule.includes("sweep") ? "directional" : "unclear",
            confidence: rule.confidence,
            premium: packet.premium,
            checks: rule.checks,
            thresholds: { CLUSTER_WINDOW_MS: 500 },
            sentences: rule.rule.includes("sweep")
                ? [
                      `${packet.size} contracts swept in ${packet.count} prints within ${ms.toFixed(0)} ms for $${(packet.premium / 1000).toFixed(1)}k.`,
                      `Most of the size with a quote traded as bought, which suggests a ${rule.direction} buyer in a hurry.`,
                  ]
                : [`${packet.size} contracts in one window, far above what this contract usually sees.`],
            against:
                packet.premium_z === undefined
                    ? ["No usable baseline yet: whether this is unusual here is not known."]
                    : packet.sell_size
                      ? [`${packet.sell_size} contracts traded as sold inside the same window.`]
                      : [],
        };
    }

    alert(packet, hits) {
        const claimed = new Set(hits.map((h) => h.direction).filter((d) => d !== "neutral"));
        const direction = this.random() < 0.06 ? "mixed" : claimed.size > 1 ? "mixed" : ([...claimed][0] ?? "neutral");
        const score = round(
            Math.min(
                8 +
                    20 * Math.min(Math.log10(Math.max(packet.premium / 20_000, 1)), 2) +
                    Math.min(Math.max(packet.premium_z ?? 0, 0), 6) * 2.5 +
                    hits.length * 6 +
                    this.random() * 14,
                99.5,
            ),
        );
        const best = hits[0];
        return {
            id: `al:${packet.id}`,
            revision: 0,
            ts: packet.ts,
            contract: packet.contract,
            underlying: packet.underlying,
            direction,
            style: best.style,
            score,
            severity: score >= 70 ? "high" : score >= 45 ? "medium" : "low",
            confidence: best.confidence,
            premium: packet.premium,
            packets: 1,
            hits: hits.map((h) => h.id),
            rules: hits.map((h) => h.rule),
            evidence: [packet.id],
            sentences: hits.flatMap((h) => h.sentences),
            against: [...new Set(hits.flatMap((h) => h.against))],
        };
    }
}
