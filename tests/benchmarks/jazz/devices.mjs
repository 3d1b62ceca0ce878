// A process that hosts cojson devices and does with them what its parent asks by messages.
//
// Each device has a node, a websocket and a replica of its own. A request is `{id, command,
// argument}` and its answer `{id, result}` or `{id, error}`; the process ends when its parent does.

import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { LocalNode } from "cojson";
import { getBetterSqliteStorage } from "cojson-storage-sqlite";
import { createWebSocketPeer } from "cojson-transport-ws";
import { WebSocket } from "ws";

export const FIELD_COUNT = 200;
export const VALUE_SIZE = 32;
const FIRST_EDIT_COUNT = 1; // Each wallet is made with one field, so that it is never empty.

export const valueOf = (index) => `value-${index}`.padEnd(VALUE_SIZE, ".");
const now = () => Number(process.hrtime.bigint()) / 1e6;

class Device {
  constructor(node, socket, map) {
    this.node = node;
    this.socket = socket;
    this.core = map.core;
    // A subscriber makes cojson decrypt and apply whatever arrives, as a wallet on show does.
    this.core.subscribe((core) => core.getCurrentContent());
  }

  get map() {
    return this.core.getCurrentContent(); // cojson replaces the object when the group changes.
  }

  get editCount() {
    return this.map.totalValidTransactions - FIRST_EDIT_COUNT;
  }

  async holds(editCount) {
    while (this.editCount < editCount) {
      await new Promise((resolve) => {
        const unsubscribe = this.core.subscribe(() => {
          queueMicrotask(() => unsubscribe());
          resolve();
        }, false);
      });
    }
  }
}

class Host {
  constructor(crypto, { url, store, folder }) {
    this.crypto = crypto;
    this.url = url;
    this.store = store;
    this.folder = folder;
    this.devices = [];
    this.connectionCount = 0;
  }

  connect() {
    this.connectionCount += 1;
    const label = `device-${process.pid}-${this.connectionCount}`;
    // jazz-run names a peer by address and millisecond, and a second one of that name replaces the
    // first; the header that proxies set gives every device a name of its own.
    const socket = new WebSocket(this.url, { headers: { "x-forwarded-for": label } });
    const peer = createWebSocketPeer({
      id: label,
      role: "server",
      websocket: socket,
      pingTimeout: 60_000, // A busy benchmark is not a lost server.
    });
    const path = join(this.folder, `${label}.db`);
    const storage = this.store === "sqlite" ? getBetterSqliteStorage(path) : undefined;
    return { socket, peer, storage };
  }

  async create({ count }) {
    const wallets = [];
    const created = [];
    for (let index = 0; index < count; index += 1) {
      const { socket, peer, storage } = this.connect();
      const { node, accountID, accountSecret } = await LocalNode.withNewlyCreatedAccount({
        creationProps: { name: "benchmark" },
        peers: [peer],
        crypto: this.crypto,
        storage,
      });
      const map = node.createGroup().createMap({ name: valueOf(0) });
      created.push(new Device(node, socket, map));
      wallets.push({ accountID, accountSecret, mapID: map.id });
    }
    for (const { node } of created) await node.syncManager.waitForAllCoValuesSync();
    this.devices.push(...created);
    return wallets;
  }

  async open({ wallets, editCount = 0 }) {
    const start = now();
    for (const { accountID, accountSecret, mapID } of wallets) {
      const { socket, peer, storage } = this.connect();
      const node = await LocalNode.withLoadedAccount({
        accountID,
        accountSecret,
        sessionID: undefined,
        peers: [peer],
        crypto: this.crypto,
        storage,
      });
      const map = await node.load(mapID);
      if (map === "unavailable") throw new Error("the server does not give the wallet");
      const device = new Device(node, socket, map);
      await device.holds(editCount);
      this.devices.push(device);
    }
    const fieldCount = Object.keys(this.devices.at(-1).map.toJSON()).length;
    return { elapsed_ms: now() - start, fieldCount, ...this.traffic() };
  }

  report({ field }) {
    let last;
    this.devices[0].core.subscribe((core) => {
      const value = core.getCurrentContent().get(field);
      if (value === last) return;
      last = value;
      process.send({ seen: value, at: now() });
    }, false);
  }

  edit({ field, value }) {
    const at = now();
    this.devices[0].map.set(field, value, "private");
    return at;
  }

  async flood({ editCount, burst, from = 0 }) {
    const start = now();
    for (let done = 0; done < editCount; done += burst) {
      const end = Math.min(done + burst, editCount);
      for (const { map } of this.devices)
        for (let index = done; index < end; index += 1)
          map.set(`field-${(from + index) % FIELD_COUNT}`, valueOf(from + index), "private");
      await nextTurn();
    }
    return start;
  }

  async holds({ editCount }) {
    await Promise.all(this.devices.map((device) => device.holds(editCount)));
    return now();
  }

  read({ field }) {
    return this.devices[0].map.get(field);
  }

  async settle() {
    for (const { node } of this.devices) await node.syncManager.waitForAllCoValuesSync();
  }

  traffic() {
    let received = 0;
    let sent = 0;
    for (const { socket } of this.devices) {
      received += socket._socket.bytesRead;
      sent += socket._socket.bytesWritten;
    }
    return { received, sent };
  }
}

async function fastestCrypto() {
  try {
    const { NapiCrypto } = await import("cojson/crypto/NapiCrypto");
    return await NapiCrypto.create();
  } catch {
    // There is a native build for few platforms only.
    const { WasmCrypto } = await import("cojson/crypto/WasmCrypto");
    return await WasmCrypto.create();
  }
}

export async function hostDevices(options) {
  const crypto = await fastestCrypto();
  const host = new Host(crypto, options);
  process.on("disconnect", () => process.exit(0));
  process.on("message", async ({ id, command, argument }) => {
    try {
      process.send({ id, result: await host[command](argument) });
    } catch (error) {
      process.send({ id, error: String(error?.stack ?? error) });
    }
  });
  process.send({ ready: true });
}
