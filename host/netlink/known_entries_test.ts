import assert from "node:assert/strict";
import type { Route } from "../../flannel/kernel.ts";
import type { NetlinkChange } from "./changes.ts";
import { DeviceNames } from "./device_names.ts";
import { encodeChange } from "./encode_change.ts";
import { KnownEntries, SeenEntries } from "./known_entries.ts";
import { MessageBuilder } from "./message_builder.ts";
import { MessageReader } from "./message_reader.ts";

const names = new DeviceNames();
names.set(7, "flannel.1");
names.set(8, "eth0");

const ROUTE = {
  family: 4,
  dst: "10.5.2.0/24",
  gateway: "10.5.2.0",
  device: "flannel.1",
  onlink: true,
} as const;
const ROUTE6 = {
  family: 6,
  dst: "fd00:0:0:2::/64",
  gateway: "fd00:0:0:2::",
  device: "flannel.1",
  onlink: true,
} as const;
const NEIGHBOUR = {
  family: 4,
  device: "flannel.1",
  address: "10.5.2.0",
  mac: "02:00:00:00:00:0a",
} as const;
const FDB = {
  device: "flannel.1",
  mac: "02:00:00:00:00:0a",
  dst: "192.168.1.11",
} as const;

/** The kernel tells of an object in the form in which it was asked for. */
function message(change: NetlinkChange): MessageReader {
  const builder = new MessageBuilder();
  const index = (name: string) => names.index(name)!;
  encodeChange(builder, change, 1, index, () => -1);
  const reader = new MessageReader(builder.bytes());
  assert.ok(reader.next());
  return reader;
}

function route(
  more: Partial<Route>,
  base: Pick<Route, "family" | "dst"> & Partial<Route> = ROUTE,
): NetlinkChange {
  const whole = { protocol: 107, scope: 0, ...base, ...more };
  return { kind: "route", op: "replace", route: whole };
}

Deno.test("KnownEntries.find() knows only what is exactly the same", async (t) => {
  const known = new KnownEntries();
  known.set(known.routeImage(ROUTE)!, "a");
  known.set(known.routeImage(ROUTE6)!, "b");
  known.set(known.neighbourImage(NEIGHBOUR)!, "c");
  known.set(known.fdbImage(FDB)!, "d");
  const neighbour = (more: object): NetlinkChange => ({
    kind: "neighbour",
    op: "replace",
    neighbour: { ...NEIGHBOUR, ...more },
  });
  const fdb = (more: object): NetlinkChange => ({
    kind: "fdb",
    op: "replace",
    entry: { ...FDB, ...more },
  });
  const table: [string, NetlinkChange, string | null][] = [
    ["the route", route({}), "a"],
    ["with another metric", route({ metric: 5 }), "a"],
    ["by another gateway", route({ gateway: "10.5.3.0" }), null],
    ["by another device", route({ device: "eth0" }), null],
    ["of another length", route({ dst: "10.5.2.0/25" }), null],
    ["not onlink", route({ onlink: false }), null],
    ["flanneld's", route({ protocol: 3 }), null],
    ["in another table", route({ table: 1000 }), null],
    ["with a TOS", route({ tos: 16 }), null],
    ["of another type", route({ type: "blackhole" }), null],
    ["by a gateway of IPv6", route({ gateway: "fd00::1" }), null],
    ["the IPv6 route", route({}, ROUTE6), "b"],
    ["by another one", route({ gateway: "fd00::1" }, ROUTE6), null],
    ["the neighbour", neighbour({}), "c"],
    ["that can expire", neighbour({ state: "STALE" }), null],
    ["with another MAC", neighbour({ mac: "02:00:00:00:00:0b" }), null],
    ["of another device", neighbour({ device: "eth0" }), null],
    ["the entry", fdb({}), "d"],
    ["that leads elsewhere", fdb({ dst: "192.168.1.12" }), null],
    ["that can age", fdb({ permanent: false }), null],
  ];
  for (const [name, change, owner] of table) {
    await t.step(name, () => {
      // RTM_NEWROUTE and RTM_NEWNEIGH: the numbers are those of a dump.
      const place = known.find(message(change), names);
      assert.equal(place === null ? null : known.owner(place), owner);
    });
  }
});

Deno.test("SeenEntries tells what a dump lacks", () => {
  const known = new KnownEntries();
  const images = [
    known.routeImage(ROUTE)!,
    known.neighbourImage(NEIGHBOUR)!,
    known.fdbImage(FDB)!,
  ] as const;
  for (const [n, image] of images.entries()) known.set(image, `lease ${n}`);
  known.delete(images[1]);
  // Its place is free for the next.
  known.set(known.routeImage(ROUTE6)!, "lease 3");
  assert.deepEqual([known.size, known.places], [3, 3]);
  const seen = new SeenEntries(known);
  assert.deepEqual([...seen.missing()], ["lease 0", "lease 3", "lease 2"]);
  seen.add(known.place(images[0])!);
  seen.add(known.place(images[0])!);
  assert.equal(seen.size, 1);
  assert.ok(seen.has(images[0]) && !seen.has(images[1]));
  assert.deepEqual([...seen.missing()], ["lease 3", "lease 2"]);
  seen.add(1);
  seen.add(2);
  assert.equal(seen.missing().size, 0);
});
