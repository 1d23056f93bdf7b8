import assert from "node:assert/strict";
import type { MonitorEvent } from "../host/netlink/monitor_events.ts";
import { isRelevant } from "./event_filter.ts";

const WATCHED = {
  destinations: new Set(["10.5.2.0/24"]),
  devices: new Set(["eth0", "flannel.1"]),
  indexes: new Set([2, 7]),
  port: 8472,
  onLink: false,
  fdbDestination: ({ mac }: { readonly mac: string }) =>
    mac === "02:00:00:00:00:02" ? "192.168.77.2" : null,
};
const OWN_PORT = 4711;

function event(type: string, object: Record<string, unknown>, port = 99) {
  return { type, change: "delete", port, ...object } as unknown as MonitorEvent;
}

const route = (dst: string, more: Record<string, unknown> = {}) => ({
  route: { dst, table: 254, protocol: 3, ...more },
});

const NEW = { change: "new" };
const FOREIGN = { mac: "02:00:00:00:00:99" };

function fdb({ change = "delete", ...more }: Record<string, unknown>) {
  return {
    change,
    entry: {
      device: "flannel.1",
      mac: "02:00:00:00:00:02",
      dst: "192.168.77.2",
      permanent: true,
      ...more,
    },
  };
}

Deno.test("isRelevant() picks what concerns the agent", async (t) => {
  const table: [string, MonitorEvent, boolean][] = [
    ["a wanted route", event("route", route("10.5.2.0/24")), true],
    ["our own change", event("route", route("10.5.2.0/24"), OWN_PORT), false],
    ["another route", event("route", route("10.6.0.0/16")), false],
    [
      "a route with our number",
      event("route", route("10.6.0.0/16", { protocol: 107 })),
      true,
    ],
    [
      "another table",
      event("route", route("10.5.2.0/24", { table: 100 })),
      false,
    ],
    ["our device", event("link", { link: { name: "flannel.1" } }, 0), true],
    ["another device", event("link", { link: { name: "veth7" } }, 0), false],
    [
      "our device by another name",
      event("link", { link: { name: "foo", index: 7 } }, 0),
      true,
    ],
    [
      "another's device on our port",
      event("link", { link: { name: "foo", vxlan: { port: 8472 } } }, 0),
      true,
    ],
    [
      "another's on another port",
      event("link", { link: { name: "foo", vxlan: { port: 4789 } } }, 0),
      false,
    ],
    [
      "our address",
      event("address", { address: { device: "flannel.1" } }),
      true,
    ],
    [
      "a neighbour somebody wrote",
      event("neighbour", { neighbour: { device: "flannel.1" } }),
      true,
    ],
    [
      "a neighbour the kernel aged",
      event("neighbour", { neighbour: { device: "eth0" } }, 0),
      false,
    ],
    ["a wanted FDB entry went", event("fdb", fdb({})), true],
    ["an FDB entry went that nobody wants", event("fdb", fdb(FOREIGN)), false],
    ["an FDB entry came as wanted", event("fdb", fdb(NEW), 0), false],
    [
      "a wanted FDB entry leads elsewhere",
      event("fdb", fdb({ ...NEW, dst: "192.168.77.9" }), 0),
      true,
    ],
    [
      "a wanted FDB entry may age",
      event("fdb", fdb({ ...NEW, permanent: false }), 0),
      true,
    ],
    [
      "an FDB entry came that nobody wants",
      event("fdb", fdb({ ...NEW, ...FOREIGN }), 0),
      true,
    ],
    ["lost events", { type: "overrun" }, true],
    ["netfilter", event("netfilter", {}), false],
    ["a rule", event("rule", {}), false],
  ];
  for (const [name, each, answer] of table) {
    await t.step(name, () => {
      assert.equal(isRelevant(each, WATCHED, OWN_PORT), answer);
    });
  }
});

Deno.test("isRelevant() takes segments that come, for DirectRouting", () => {
  const near = event("route", route("192.168.9.0/24", { gateway: null }));
  const far = event("route", route("10.6.0.0/16", { gateway: "192.168.1.1" }));
  const answers = (onLink: boolean) =>
    [near, far].map((each) => isRelevant(each, { ...WATCHED, onLink }, 1));
  assert.deepEqual(answers(true), [true, false]);
  assert.deepEqual(answers(false), [false, false]);
});
