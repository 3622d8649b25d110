// A gateway of generated data that speaks the product's protocol, for development and for looking at the screen only.
// node scripts/fake/gateway.mjs [--port 8400] [--rate 40] [--clock synthetic] [--seed 7]
import { createReadStream, existsSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { WebSocketServer } from "ws";
import { Market } from "./market.mjs";

const { values: args } = parseArgs({
    options: {
        port: { type: "string", default: "8400" },
        rate: { type: "string", default: "40" },
        clock: { type: "string", default: "synthetic" },
        seed: { type: "string", default: "7" },
    },
});
let rate = Number(args.rate);
const dist = fileURLToPath(new URL("../../dist", import.meta.url));
const TOPICS = ["options.marked", "options.prints", "equities.prints", "flow.packets", "flow.hits", "flow.alerts"];
const PARTITIONS = 8;
const KEEP = 40_000;
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };

// 27 minutes of history, then live: 14:31 in New York on the day of the fake session.
const SESSION = Date.UTC(2026, 10, 20, 19, 4, 0);
const market = new Market(Number(args.seed), SESSION);
const logs = Object.fromEntries(
    TOPICS.map((t) => [t, Array.from({ length: PARTITIONS }, () => ({ base: 0, events: [] }))]),
);
const byId = new Map();
const sweeps = new Map();
const sockets = new Set();
const counts = Object.fromEntries(TOPICS.map((t) => [t, 0]));

const keyOf = (e) => e.underlying ?? e.symbol ?? /^[A-Z]+/.exec(e.contract)[0];
const partitionOf = (key) => [...key].reduce((h, c) => (h * 31 + c.charCodeAt(0)) >>> 0, 7) % PARTITIONS;
const json = (value) =>
    JSON.stringify(value, (_, v) => (typeof v === "bigint" ? `@@${v}@@` : v)).replace(/"@@(\d+)@@"/g, "$1");

function append(topic, event) {
    const key = topic === "options.prints" ? (market.root.get(event.contract) ?? keyOf(event)) : keyOf(event);
    const log = logs[topic][partitionOf(key)];
    log.events.push({ key, ts: event.ts, text: json(event), event });
    if (log.events.length > KEEP) {
        log.base += 5000;
        log.events.splice(0, 5000);
    }
    counts[topic] += 1;
    if (topic !== "options.prints" && topic !== "flow.hits") byId.set(event.id, event);
    if (byId.size > 400_000) byId.clear();
}
market.root = new Map();

function print(marked) {
    market.root.set(marked.contract, marked.underlying);
    append("options.prints", market.raw(marked));
    append("options.marked", marked);
}

function step(ms) {
    market.now += ms;
    const prints = Math.floor((ms / 1000) * rate + market.random());
    for (let i = 0; i < prints; i++) {
        const contract = market.contract(market.ticker());
        const marked = market.marked(contract);
        print(marked);
        if (market.random() < 0.5) append("equities.prints", market.equity());
        if (market.random() < 0.15) append("flow.packets", market.packet(contract, [marked]));
    }
    if (market.random() < (ms / 1000) * 0.5) {
        const sweep = market.sweep();
        for (const marked of sweep.prints) print(marked);
        append("flow.packets", sweep.packet);
        sweeps.set(sweep.packet.id, sweep);
        for (const hit of sweep.hits) append("flow.hits", hit);
        if (sweep.alert) append("flow.alerts", sweep.alert);
    }
}
const HISTORY_RATE = Math.min(rate, 60);
const full = rate;
rate = HISTORY_RATE;
for (let at = 0; at < 27 * 60; at += 1) step(1000);
rate = full;

function pump(socket, sub, s) {
    for (let p = 0; p < PARTITIONS; p++) {
        const log = logs[s.topic][p];
        const end = log.base + log.events.length;
        if (s.cursor[p] >= end) continue;
        if (s.cursor[p] < log.base) {
            s.cursor[p] = log.base;
            socket.send(json({ sub, topic: s.topic, partition: p, expired: { next: log.base } }));
        }
        const rows = log.events.slice(s.cursor[p] - log.base).filter((r) => !s.keys || s.keys.includes(r.key));
        socket.send(
            `{"sub":${JSON.stringify(sub)},"topic":"${s.topic}","partition":${p},"first":${s.cursor[p]},"next":${end},"events":[${rows.map((r) => r.text).join(",")}]}`,
        );
        s.cursor[p] = end;
    }
}

function subscribe(socket, op) {
    const s = { topic: op.topic, keys: op.keys ?? null, cursor: [] };
    if (!TOPICS.includes(op.topic))
        return socket.send(
            json({ error: { op: op.op, sub: op.sub, message: `unknown topic ${op.topic}`, field: "topic" } }),
        );
    const all = logs[op.topic].flatMap((log, p) =>
        log.events.map((r, i) => ({ ts: r.ts, p, key: r.key, at: log.base + i })),
    );
    const wanted = all
        .filter((r) => !s.keys || s.keys.includes(r.key))
        .sort((a, b) => (a.ts < b.ts ? 1 : -1))
        .slice(0, op.snapshot ?? 0);
    for (let p = 0; p < PARTITIONS; p++) {
        const log = logs[op.topic][p];
        const first = wanted.filter((r) => r.p === p).at(-1)?.at;
        s.cursor[p] = op.from?.[p] ?? first ?? log.base + log.events.length;
    }
    socket.subs.set(op.sub, s);
    pump(socket, op.sub, s);
}

let last = Date.now();
setInterval(() => {
    const now = Date.now();
    step(now - last);
    last = now;
    for (const socket of sockets) for (const [sub, s] of socket.subs) pump(socket, sub, s);
}, 50);
let before = { ...counts };
setInterval(() => {
    const rates = Object.fromEntries(TOPICS.map((t) => [t, counts[t] - before[t]]));
    before = { ...counts };
    const status = json({
        status: {
            now: String(BigInt(Date.now()) * 1_000_000n),
            event_time: String(BigInt(Math.round(market.now)) * 1_000_000n),
            promise: null,
            derived_promise: null,
            lag_ms: 30 + Math.round(Math.random() * 20),
            rates,
            clients: sockets.size,
            archive: true,
            bus: true,
            feed: true,
        },
    });
    for (const socket of sockets) socket.send(status);
}, 1000);

function evidence(id) {
    const event = byId.get(id);
    const kind = id.startsWith("al:") ? "alert" : "packet";
    if (!event || !/^(al|pk):/.test(id)) return null;
    const packets = kind === "alert" ? event.evidence.map((e) => byId.get(e)) : [event];
    const hits = packets.flatMap((p) => sweeps.get(p.id)?.hits ?? []);
    const prints = packets.flatMap((p) => p.members.map((m) => byId.get(m)));
    const alert = kind === "alert" ? event : byId.get(`al:${id}`);
    return { id, kind, alerts: alert ? [alert] : [], hits, packets, prints, missing: [] };
}

function explain(id) {
    const packet = id.replace(/^al:/, "");
    return byId.has(packet) ? { id, packets: [{ packet, revision: 0, rules: sweeps.get(packet)?.rules ?? [] }] } : null;
}

function history(topic, q) {
    const from = BigInt(q.get("from") ?? 0);
    const to = BigInt(q.get("to") ?? 2n ** 62n);
    const fits = (r) =>
        ["contract", "symbol"].every((n) => !q.has(n) || r.event[n] === q.get(n)) &&
        (!q.has("underlying") || r.key === q.get("underlying"));
    const rows = logs[topic].flatMap((log) => log.events).filter((r) => r.ts >= from && r.ts < to && fits(r));
    rows.sort((a, b) => (a.ts < b.ts ? -1 : 1));
    if (q.get("order") !== "asc") rows.reverse();
    const at = Number(q.get("cursor") ?? 0);
    const limit = Number(q.get("limit") ?? 500);
    return `{"events":[${rows
        .slice(at, at + limit)
        .map((r) => r.text)
        .join(",")}],"next":${at + limit < rows.length ? `"${at + limit}"` : null}}`;
}

const server = createServer((request, response) => {
    const url = new URL(request.url, "http://x");
    const [, api, name, ...rest] = url.pathname.split("/");
    const answer = (status, text) => response.writeHead(status, { "content-type": "application/json" }).end(text);
    if (api === "api") {
        const id = decodeURIComponent(rest.join("/"));
        if (TOPICS.includes(name)) return answer(200, history(name, url.searchParams));
        const found = name === "evidence" ? evidence(id) : name === "explain" ? explain(id) : null;
        return found
            ? answer(200, json(found))
            : answer(404, json({ error: { message: `nothing known by ${id || name}` } }));
    }
    const file = normalize(join(dist, url.pathname === "/" ? "index.html" : url.pathname));
    if (!file.startsWith(dist) || !existsSync(file)) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream" });
    createReadStream(file).pipe(response);
});
new WebSocketServer({ server, path: "/ws" }).on("connection", (socket) => {
    socket.subs = new Map();
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.send(
        json({
            hello: {
                dataset: "demo",
                clock: args.clock,
                partitions: PARTITIONS,
                run: null,
                version: "0.1.0",
                topics: TOPICS,
            },
        }),
    );
    socket.on("message", (data) => {
        const op = JSON.parse(String(data));
        if (op.op === "subscribe") subscribe(socket, op);
        else if (op.op === "unsubscribe") socket.subs.delete(op.sub);
        else if (op.op === "ping") socket.send(json({ pong: op.t }));
    });
});
server.listen(Number(args.port), "127.0.0.1", () =>
    console.log(`fake gateway: http://127.0.0.1:${server.address().port}`),
);
