// The workloads of `make bench`, done by cojson clients against a `jazz-run sync` server.
//
// Started as `node peer.mjs WORKLOAD OPTIONS`, it is the coordinator: it starts processes that host
// devices, tells them what to do, and prints one JSON line for each result. The server, the writer
// and the reader are always three processes; values are encrypted and signed by cojson's own crypto
// and travel over real websockets. Times are `process.hrtime`, which is CLOCK_MONOTONIC on Linux and
// so comparable between processes.

import { fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync, statSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";

import { FIELD_COUNT, hostDevices, VALUE_SIZE, valueOf } from "./devices.mjs";

const LATENCY_EDITS_MIN = 300; // Below that a p99 means nothing.
const LATENCY_WARM_UP = 20;
const IDLE_WARM_UP = 20;
const IDLE_PROCESSES = 4;
const COLD_RUNS = 3;
// Edits in one turn of the writer's event loop: cojson signs each, but sends, verifies and stores a
// turn's edits as one. The last number of each pair is how many turns there are at most.
const FLOOD_BURSTS = [[1, 4_000], [20, Infinity], [200, Infinity], [1_000, Infinity]];
const WALLETS_BURSTS = [[1, 10], [20, 2], [100, 1]];

const round = (number, digits = 3) => Number(number.toFixed(digits));

class HostProcess {
  static async start(options) {
    const child = fork(fileURLToPath(import.meta.url), ["--devices", JSON.stringify(options)]);
    const host = new HostProcess(child);
    await host.when((message) => message.ready);
    return host;
  }

  constructor(child) {
    this.child = child;
    this.nextId = 0;
    this.waiting = new Set();
    child.on("message", (message) => {
      for (const waiter of this.waiting) if (waiter.matches(message)) waiter.resolve(message);
    });
    child.on("exit", () => {
      for (const waiter of this.waiting) waiter.reject(new Error("a device process ended early"));
    });
  }

  async when(matches) {
    const waiter = { matches };
    const message = new Promise((resolve, reject) => Object.assign(waiter, { resolve, reject }));
    this.waiting.add(waiter);
    return message.finally(() => this.waiting.delete(waiter));
  }

  async call(command, argument = {}) {
    const id = ++this.nextId;
    const answer = this.when((message) => message.id === id);
    this.child.send({ id, command, argument });
    const { result, error } = await answer;
    if (error !== undefined) throw new Error(`${command}: ${error}`);
    return result;
  }

  async stop() {
    if (this.child.exitCode !== null) return;
    const ended = once(this.child, "exit");
    this.child.disconnect();
    await ended;
  }
}

function print(workload, value, unit, detail) {
  process.stdout.write(`${JSON.stringify({ workload, value: round(value), unit, detail })}\n`);
}

async function linkedPair(options, walletCount = 1) {
  const writer = await HostProcess.start(options);
  const reader = await HostProcess.start(options);
  const wallets = await writer.call("create", { count: walletCount });
  await reader.call("open", { wallets });
  return { writer, reader, wallets };
}

async function editOneByOne({ writer, reader }, editCount) {
  const field = "probe";
  const latencies = [];
  await reader.call("report", { field });
  for (let index = 0; index < editCount; index += 1) {
    const value = valueOf(index);
    const seen = reader.when((message) => message.seen === value);
    const editedAt = await writer.call("edit", { field, value });
    latencies.push((await seen).at - editedAt);
  }
  return latencies;
}

async function liveLatency(options) {
  const editCount = Math.max(LATENCY_EDITS_MIN, Math.round(400 * options.scale));
  const pair = await linkedPair(options);
  const all = await editOneByOne(pair, LATENCY_WARM_UP + editCount);
  const sorted = all.slice(LATENCY_WARM_UP).sort((a, b) => a - b);
  const at = (share) => round(sorted[Math.ceil(share * sorted.length) - 1]);
  print("live_latency_ms", at(0.5), "ms", {
    p99: at(0.99), min: at(0.001), max: at(1), edits: editCount, client_store: options.store,
  });
}

async function throughput(options) {
  const editCountAll = Math.max(200, Math.round(20_000 * options.scale));
  const by_burst = {};
  for (const [burst, turns] of FLOOD_BURSTS) {
    const editCount = Math.min(editCountAll, burst * turns);
    const { writer, reader } = await linkedPair(options);
    const all = reader.call("holds", { editCount });
    const start = await writer.call("flood", { editCount, burst });
    by_burst[burst] = round((editCount / ((await all) - start)) * 1000, 0);
    const newest = await reader.call("read", { field: `field-${(editCount - 1) % FIELD_COUNT}` });
    if (newest !== valueOf(editCount - 1)) throw new Error("the reader lacks the newest edit");
    await Promise.all([writer.stop(), reader.stop()]);
  }
  print("throughput_edits_s", Math.max(...Object.values(by_burst)), "edits/s", {
    edits: editCountAll, by_burst, value_bytes: VALUE_SIZE, client_store: options.store,
  });
}

async function coldSync(options) {
  const writer = await HostProcess.start(options);
  const wallets = await writer.call("create", { count: 1 });
  let written = 0;
  for (const size of [5_000, 20_000]) {
    const editCount = Math.max(200, Math.round(size * options.scale));
    await writer.call("flood", { editCount: editCount - written, burst: 20, from: written });
    written = editCount;
    await writer.call("settle");
    const runs = [];
    for (let run = 0; run < COLD_RUNS; run += 1) {
      const device = await HostProcess.start(options);
      runs.push(await device.call("open", { wallets, editCount }));
      await device.stop();
    }
    runs.sort((a, b) => a.elapsed_ms - b.elapsed_ms);
    const median = runs[Math.floor(runs.length / 2)];
    print("cold_sync_s", median.elapsed_ms / 1000, "s", {
      changes: editCount, fields: median.fieldCount, bytes_received: median.received,
      runs_s: runs.map((run) => round(run.elapsed_ms / 1000)), client_store: options.store,
    });
  }
}

async function serverMemoryKb({ url, serverPid }) {
  for (let pass = 0; pass < 3; pass += 1) {
    process.kill(serverPid, "SIGUSR2"); // The server's preload answers it by collecting garbage.
    await fetch(`${url.replace("ws:", "http:")}/health`);
    await delay(100);
  }
  const status = readFileSync(`/proc/${serverPid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)[1]);
}

async function idleDevices(options) {
  const hosts = await Promise.all(
    Array.from({ length: IDLE_PROCESSES }, () => HostProcess.start(options)),
  );
  const create = async (count) => {
    const each = Math.ceil(count / hosts.length);
    return (await Promise.all(hosts.map((host) => host.call("create", { count: each })))).flat();
  };
  await create(IDLE_WARM_UP);
  const empty_kb = await serverMemoryKb(options);
  const few = await create(Math.max(20, Math.round(200 * options.scale)));
  const few_kb = await serverMemoryKb(options);
  const rest = await create(Math.max(20, Math.round(800 * options.scale)));
  const many_kb = await serverMemoryKb(options);
  const connected = few.length + rest.length; // Each with a wallet of its own.
  const wallets = [...few, ...rest];
  const each = Math.ceil(wallets.length / hosts.length);
  await Promise.all(hosts.map((host, index) =>
    host.call("open", { wallets: wallets.slice(index * each, (index + 1) * each) }),
  ));
  const second_kb = await serverMemoryKb(options);
  print("idle_device_kb", (many_kb - empty_kb) / connected, "KB", {
    devices: connected, server_kb: many_kb, server_empty_kb: empty_kb,
    [`kb_at_${few.length}`]: round((few_kb - empty_kb) / few.length),
    kb_for_a_second_device_of_a_wallet: round((second_kb - many_kb) / connected),
  });
}

async function manyWallets(options) {
  const walletCount = Math.max(10, Math.round(200 * options.scale));
  const pair = await linkedPair(options, walletCount);
  const hosts = [pair.writer, pair.reader];
  const by_burst = {};
  let held = 0;
  for (const [burst, turns] of WALLETS_BURSTS) {
    const each = burst * turns;
    held += 2 * each;
    const all = hosts.map((host) => host.call("holds", { editCount: held }));
    const starts = await Promise.all(
      hosts.map((host) => host.call("flood", { editCount: each, burst })),
    );
    const elapsed_ms = Math.max(...(await Promise.all(all))) - Math.min(...starts);
    by_burst[burst] = round(((walletCount * 2 * each) / elapsed_ms) * 1000, 0);
  }
  print("wallets_200_edits_s", Math.max(...Object.values(by_burst)), "edits/s", {
    wallets: walletCount, devices: walletCount * 2, by_burst, client_store: options.store,
  });
}

function databaseSize(path) {
  const size = (name) => statSync(name, { throwIfNoEntry: false })?.size ?? 0;
  return { file: size(path), log: size(`${path}-wal`) };
}

function foldLog(path) {
  const database = new Database(path);
  database.pragma("wal_checkpoint(TRUNCATE)");
  database.close();
}

async function bytes(options) {
  const singleCount = 200;
  const floodCount = Math.max(500, Math.round(20_000 * options.scale));
  const pair = await linkedPair(options);
  const traffic = async () => ({
    up: await pair.writer.call("traffic"), down: await pair.reader.call("traffic"),
  });
  const share = (before, after, count) => ({
    writer_sent: round((after.up.sent - before.up.sent) / count, 1),
    writer_received: round((after.up.received - before.up.received) / count, 1),
    reader_received: round((after.down.received - before.down.received) / count, 1),
    reader_sent: round((after.down.sent - before.down.sent) / count, 1),
  });
  const first = await traffic();
  await editOneByOne(pair, singleCount);
  await pair.writer.call("settle");
  const second = await traffic();
  const one_by_one = share(first, second, singleCount);
  foldLog(options.database);
  const small = databaseSize(options.database);
  const all = pair.reader.call("holds", { editCount: singleCount + floodCount });
  await pair.writer.call("flood", { editCount: floodCount, burst: 20 });
  await all;
  await pair.writer.call("settle");
  const in_bulk = share(second, await traffic(), floodCount);
  const large = databaseSize(options.database);
  foldLog(options.database);
  const folded = databaseSize(options.database);
  print("wire_bytes_per_change", one_by_one.writer_sent, "B", {
    one_by_one, in_bulk, bulk_burst: 20, value_bytes: VALUE_SIZE,
  });
  const grown = large.file + large.log - small.file - small.log;
  print("disk_bytes_per_change", grown / floodCount, "B", {
    changes: floodCount, value_bytes: VALUE_SIZE, log_bytes: large.log,
    without_log: round((folded.file - small.file) / floodCount, 1),
  });
}

const WORKLOADS = {
  live_latency_ms: liveLatency,
  throughput_edits_s: throughput,
  cold_sync_s: coldSync,
  idle_device_kb: idleDevices,
  wallets_200_edits_s: manyWallets,
  bytes_per_change: bytes,
};

const [role, options] = process.argv.slice(2);
if (role === "--devices") {
  await hostDevices(JSON.parse(options));
} else {
  // Whoever started us holds our standard input: when it closes, nobody reads the results.
  process.stdin.on("end", () => process.exit(1)).resume();
  await WORKLOADS[role](JSON.parse(options));
  process.exit(0); // Device processes end when this channel to them closes.
}
