import { deepStrictEqual } from "node:assert/strict";
import { known } from "../../snapshot/fact.ts";
import type { Facts } from "../../snapshot/facts.ts";
import {
  healthyFacts,
  healthyVxlanFacts,
} from "../../tests/fixtures/healthy.ts";
import { withLink } from "../../tests/fixtures/routes.ts";
import {
  given,
  judged,
  sentences,
  without,
} from "../../tests/support/judged.ts";
import { ROUTE_LINK_DOWN } from "./route_link_down.ts";

Deno.test("FD406 is ok where the devices are up", () => {
  deepStrictEqual(judged(ROUTE_LINK_DOWN, healthyFacts()).verdict, "ok");
  deepStrictEqual(judged(ROUTE_LINK_DOWN, healthyVxlanFacts()).verdict, "ok");
});

Deno.test("FD406 does not mind a bridge without containers", () => {
  const facts = withLink(healthyFacts(), "docker0", {
    carrier: false,
    operState: "DOWN",
  });
  deepStrictEqual(judged(ROUTE_LINK_DOWN, facts).verdict, "ok");
});

Deno.test("FD406 finds the external interface down, once for all routes", () => {
  const facts = withLink(healthyFacts(), "eth0", {
    up: false,
    carrier: false,
    operState: "DOWN",
  });
  deepStrictEqual(judged(ROUTE_LINK_DOWN, facts).lines, [
    "error down: eth0",
    "  device 2: eth0: <NO-CARRIER> mtu 1500 state DOWN",
    "  $ ip link set dev eth0 up",
    "  $ flandoc fix --routes",
  ]);
  deepStrictEqual(sentences(ROUTE_LINK_DOWN, facts), [
    "eth0 is down, and the kernel has dropped every route over it. Routes to other hosts that are missing for this reason: 2.",
  ]);
});

Deno.test("FD406 has everything set anew that went with the device", () => {
  const down = (facts: Facts, device: string) =>
    judged(ROUTE_LINK_DOWN, withLink(facts, device, { up: false })).findings[0]
      ?.commands;
  deepStrictEqual(down(healthyFacts(), "eth0"), [
    "ip link set dev eth0 up",
    "flandoc fix --routes",
  ]);
  // The neighbours go too, and the routes alone carry nothing.
  deepStrictEqual(down(healthyVxlanFacts(), "flannel.1"), [
    "ip link set dev flannel.1 up",
    "systemctl restart flanneld",
  ]);
});

Deno.test("FD406 finds an interface without carrier", () => {
  const facts = withLink(healthyFacts(), "eth0", {
    carrier: false,
    operState: "DOWN",
  });
  deepStrictEqual(
    judged(ROUTE_LINK_DOWN, facts).lines[0],
    "error carrier: eth0",
  );
});

Deno.test("FD406 leaves a deleted vxlan device to FD505, not a vanished interface", () => {
  const vxlan = healthyVxlanFacts();
  const links = (name: string) =>
    known(given(vxlan, "links").filter((link) => link.name !== name));
  deepStrictEqual(
    judged(ROUTE_LINK_DOWN, { ...vxlan, links: links("flannel.1") }).lines,
    [],
  );
  deepStrictEqual(
    judged(ROUTE_LINK_DOWN, { ...healthyFacts(), links: links("eth0") }).lines,
    ["error gone: eth0"],
  );
});

Deno.test("FD406 is unknown without the links", () => {
  deepStrictEqual(
    judged(ROUTE_LINK_DOWN, without(healthyFacts(), "links")).verdict,
    "unknown: not looked at",
  );
});
