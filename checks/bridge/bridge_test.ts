import assert from "node:assert/strict";
import { known, unknown } from "../../snapshot/fact.ts";
import type { Facts } from "../../snapshot/facts.ts";
import type { Address, Link } from "../../flannel/kernel.ts";
import {
  changed,
  onKubernetes,
  withDocker,
  withProcesses,
  withSubnetEnv,
} from "../../tests/fixtures/changes.ts";
import {
  fixtureAddress,
  fixtureLink,
  fixtureSubnetEnv,
  healthyFacts,
  healthyVxlanFacts,
} from "../../tests/fixtures/healthy.ts";
import { given, judged, sentences } from "../../tests/support/judged.ts";
import { NETWORK_OVERLAP } from "../config/network_overlap.ts";
import { BRIDGE_ADDRESS } from "./bridge_address.ts";
import { BRIDGE_MISSING } from "./bridge_missing.ts";
import { BRIDGE_MTU } from "./bridge_mtu.ts";

/** The facts with docker0's addresses replaced. */
function docker0(texts: readonly string[], base = healthyFacts()): Facts {
  const others = given(base, "addresses").filter((each) =>
    each.device !== "docker0"
  );
  return changed({
    addresses: known([...others, ...texts.map((t) => address("docker0", t))]),
  }, base);
}

function address(device: string, text: string): Address {
  const [ip, length] = text.split("/");
  return fixtureAddress(device, ip!, Number(length));
}

function withLinks(
  change: (links: readonly Link[]) => readonly Link[],
  base = healthyFacts(),
): Facts {
  return changed({ links: known(change(given(base, "links"))) }, base);
}

/** The same without containers. */
function empty(base: Facts): Facts {
  return withLinks(
    (links) => links.filter((link) => link.kind !== "veth"),
    base,
  );
}

/** The healthy host with a bridge of another name. */
function renamed(text: string): Facts {
  const facts = withLinks((links) =>
    links.map((link) => ({
      ...link,
      name: link.name === "docker0" ? "br0" : link.name,
      master: link.master === "docker0" ? "br0" : link.master,
    })), docker0([]));
  return changed({
    addresses: known([...given(facts, "addresses"), address("br0", text)]),
  }, facts);
}

/** A node whose pods hang on cni0, docker0 left with Docker's own range. */
function withCni(cni0: string, base = healthyFacts()): Facts {
  const facts = withLinks((links) => [
    ...links,
    fixtureLink(9, "cni0", { kind: "bridge" }),
  ], docker0(["172.17.0.1/16"], base));
  return changed({
    addresses: known([...given(facts, "addresses"), address("cni0", cni0)]),
  }, facts);
}

Deno.test("FD305 finds docker0 on Docker's own range", () => {
  const facts = docker0(["172.17.0.1/16"]);
  assert.deepEqual(sentences(BRIDGE_ADDRESS, facts), [
    "docker0 has 172.17.0.1/16, but flannel gave this host 172.7.21.1/24: other hosts route nothing to containers with these addresses.",
  ]);
  assert.deepEqual(judged(BRIDGE_ADDRESS, facts).lines, [
    "error default: docker0",
    "  address inet 172.17.0.1/16 scope global docker0",
    "  file FLANNEL_SUBNET=172.7.21.1/24",
    "  config bip 172.7.21.1/24 (argv)",
    "  process 955 /usr/sbin/dockerd -H fd:// --bip=172.7.21.1/24 --ip-masq=true --mtu=1500 (2026-11-22T05:50:09Z)",
    "  file /run/flannel/subnet.env (2026-11-22T05:50:03Z)",
    "  $ mk-docker-opts.sh -f /run/flannel/subnet.env -k DOCKER_NETWORK_OPTIONS -d /run/flannel/docker",
    "  $ systemctl restart docker",
  ]);
});

Deno.test("FD305 says that Docker was started first when it was", () => {
  const facts = withProcesses(
    (processes) =>
      processes.map((process) => ({
        ...process,
        started: "2026-11-22T05:49:50Z",
      })),
    docker0(["172.7.99.1/24"]),
  );
  assert.deepEqual(sentences(BRIDGE_ADDRESS, facts), [
    "docker0 has 172.7.99.1/24, but flannel gave this host 172.7.21.1/24: Docker was started before flannel wrote subnet.env, and does not read it again.",
  ]);
});

Deno.test("FD305 finds a bridge without an address, or with another length", () => {
  assert.deepEqual(sentences(BRIDGE_ADDRESS, docker0([])), [
    "docker0 has no IPv4 address; flannel gave this host 172.7.21.1/24.",
  ]);
  const { verdict } = judged(BRIDGE_ADDRESS, docker0(["172.7.21.1/16"]));
  assert.equal(verdict, "failed");
});

Deno.test("FD305 is content with the right address among others", () => {
  const facts = docker0(["10.9.9.9/24", "172.7.21.1/24"]);
  assert.equal(judged(BRIDGE_ADDRESS, facts).verdict, "ok");
});

Deno.test("FD305 takes what flannel writes for wanted, whatever address of the subnet the file has", () => {
  const text = fixtureSubnetEnv({ subnet: "172.7.21.9/24" });
  for (const right of ["172.7.21.1/24", "172.7.21.9/24"]) {
    const facts = withSubnetEnv(text, {}, docker0([right]));
    assert.equal(judged(BRIDGE_ADDRESS, facts).verdict, "ok");
  }
  const facts = withSubnetEnv(text, {}, docker0(["172.17.0.1/16"]));
  assert.deepEqual(judged(BRIDGE_ADDRESS, facts).lines.slice(0, 3), [
    "error default: docker0",
    "  address inet 172.17.0.1/16 scope global docker0",
    "  file FLANNEL_SUBNET=172.7.21.9/24",
  ]);
  assert.match(sentences(BRIDGE_ADDRESS, facts)[0]!, /host 172\.7\.21\.1\/24:/);
});

Deno.test("FD305 minds cni0, not docker0, where pods hang on cni0", () => {
  assert.equal(judged(BRIDGE_ADDRESS, withCni("172.7.21.1/24")).verdict, "ok");
  const facts = withCni("172.7.99.1/24");
  assert.deepEqual(judged(BRIDGE_ADDRESS, facts).lines, [
    "error cni: cni0",
    "  address inet 172.7.99.1/24 scope global cni0",
    "  file FLANNEL_SUBNET=172.7.21.1/24",
    "  $ docker ps",
    "  $ ip address del 172.7.99.1/24 dev cni0   # once nothing runs on it: drain the node first",
  ]);
  assert.deepEqual(sentences(BRIDGE_ADDRESS, facts), [
    "cni0 has 172.7.99.1/24, but flannel gave this host 172.7.21.1/24: new pods fail, and the old ones have addresses that are routed elsewhere.",
  ]);
});

Deno.test("FD305 does not take a cni0 left behind for the bridge in use", () => {
  const facts = withLinks((links) => [
    ...links,
    fixtureLink(9, "cni0", { kind: "bridge", up: false }),
  ]);
  assert.equal(judged(BRIDGE_ADDRESS, facts).verdict, "ok");
});

Deno.test("FD305 does not apply where no bridge attaches containers", () => {
  const kubernetes = onKubernetes(docker0(["172.17.0.1/16"]));
  const bare = withDocker(null, empty(docker0(["172.17.0.1/16"])));
  const none = withDocker({
    bridge: { value: "none", source: "dockerd --bridge (pid 955)" },
  }, docker0([]));
  for (const facts of [kubernetes, bare, none]) {
    assert.equal(judged(BRIDGE_ADDRESS, facts).verdict, "skipped: no-bridge");
  }
});

Deno.test("FD305 finds a bridge of neither Docker nor CNI on a former subnet", () => {
  const facts = withDocker(null, docker0(["172.7.99.1/24", "10.9.9.9/24"]));
  assert.deepEqual(judged(BRIDGE_ADDRESS, facts).lines, [
    "error other: docker0",
    "  address inet 172.7.99.1/24 scope global docker0",
    "  address inet 10.9.9.9/24 scope global docker0",
    "  file FLANNEL_SUBNET=172.7.21.1/24",
    "  device 5: vethffa01cf: mtu 1500 master docker0 state UP",
    "  $ ip link show master docker0",
    "  $ ip address add 172.7.21.1/24 brd + dev docker0",
    "  $ ip address del 172.7.99.1/24 dev docker0   # once no container uses it as its gateway",
  ]);
  assert.deepEqual(
    sentences(
      BRIDGE_ADDRESS,
      withDocker(null, docker0(["172.7.99.1/24"])),
    ),
    [
      "docker0 has 172.7.99.1/24, but flannel gave this host 172.7.21.1/24: other hosts route nothing to containers with these addresses. Neither Docker nor a CNI plugin seems to look after this bridge.",
    ],
  );
});

Deno.test("FD305 finds a bridge of any name under Kubernetes", () => {
  const facts = onKubernetes(withDocker(null, renamed("172.7.99.1/24")));
  assert.deepEqual(judged(BRIDGE_ADDRESS, facts).lines, [
    "error cni: br0",
    "  address inet 172.7.99.1/24 scope global br0",
    "  file FLANNEL_SUBNET=172.7.21.1/24",
    "  $ crictl pods",
    "  $ ip address del 172.7.99.1/24 dev br0   # once nothing runs on it: drain the node first",
  ]);
  // FD107 would say of the same address that something else has it.
  assert.equal(judged(NETWORK_OVERLAP, facts).verdict, "ok");
});

Deno.test("FD305, FD306 and FD307 do not know where it cannot be told which bridge is meant", () => {
  const facts = withDocker(null, empty(docker0(["172.7.99.1/24"])));
  for (const check of [BRIDGE_ADDRESS, BRIDGE_MTU, BRIDGE_MISSING]) {
    assert.equal(
      judged(check, facts).verdict,
      "unknown: cannot tell whether docker0 attaches containers to this network: it has 172.7.99.1/24, inside 172.7.0.0/16 but not on this host's subnet 172.7.21.1/24, and nothing hangs on it",
    );
  }
});

Deno.test("FD306 and FD307 mind the bridge that is on a former subnet", () => {
  const facts = withDocker(null, renamed("172.7.99.1/24"));
  const worse = changed({
    links: known(
      given(facts, "links").map((link) =>
        link.name === "br0"
          ? { ...link, up: false, operState: "DOWN" }
          : { ...link, mtu: 9000 }
      ),
    ),
  }, facts);
  assert.deepEqual(judged(BRIDGE_MISSING, worse).lines, [
    "error down: br0",
    "  device 3: br0: mtu 1500 state DOWN",
    "  $ ip link set br0 up",
  ]);
  assert.deepEqual(judged(BRIDGE_MTU, worse).lines, [
    "error: vethffa01cf",
    "  device 5: vethffa01cf: mtu 9000 master br0 state UP",
    "  file FLANNEL_MTU=1500",
    "  $ ip link show master br0",
  ]);
});

Deno.test("FD305 does not say that there is no bridge without subnet.env read", () => {
  const reason = unknown<never>("Permission denied");
  const facts = changed(
    { subnetEnvFile: reason },
    withDocker(null, docker0([])),
  );
  assert.match(
    judged(BRIDGE_ADDRESS, facts).verdict,
    /^unknown: subnet\.env could not be read: Permission denied/,
  );
});

Deno.test("FD306 finds containers with a larger MTU than the overlay's", () => {
  const facts = withLinks(
    (links) =>
      links.map((link) => link.kind === "veth" ? { ...link, mtu: 1500 } : link),
    healthyVxlanFacts(),
  );
  assert.deepEqual(judged(BRIDGE_MTU, facts).lines, [
    "error: vethffa01cf",
    "  device 5: vethffa01cf: mtu 1500 master docker0 state UP",
    "  file FLANNEL_MTU=1450",
    "  $ systemctl restart docker",
  ]);
  assert.deepEqual(sentences(BRIDGE_MTU, facts), [
    "The container on vethffa01cf (docker0) has an MTU of 1500, the overlay carries 1450: its full packets to other hosts are lost.",
  ]);
});

Deno.test("FD306 counts many containers", () => {
  const facts = withLinks((links) => [
    ...links,
    ...Array.from({ length: 30 }, (_, n) =>
      fixtureLink(100 + n, `veth${n}`, {
        kind: "veth",
        master: "docker0",
        mtu: 9000,
      })),
  ]);
  assert.deepEqual(sentences(BRIDGE_MTU, facts), [
    "30 containers on docker0 have an MTU above the 1500 that the overlay carries: their full packets to other hosts are lost.",
  ]);
});

Deno.test("FD306 does not mind the bridge itself, smaller containers, or other bridges", () => {
  const facts = withLinks((links) => [
    ...links.filter((link) => link.kind !== "veth").map((link) =>
      link.name === "docker0" ? { ...link, mtu: 1500 } : link
    ),
    fixtureLink(20, "vethsmall", {
      kind: "veth",
      master: "docker0",
      mtu: 1400,
    }),
    fixtureLink(21, "vethother", {
      kind: "veth",
      master: "br-shop",
      mtu: 1500,
    }),
  ], healthyVxlanFacts());
  assert.equal(judged(BRIDGE_MTU, facts).verdict, "ok");
});

Deno.test("FD307 finds docker0 missing, and off", () => {
  const missing = docker0(
    [],
    withLinks((links) => links.filter((link) => link.name !== "docker0")),
  );
  assert.deepEqual(judged(BRIDGE_MISSING, missing).lines, [
    "error default: docker0",
    "  config bridge docker0 (daemon)",
    "  $ ip link show type bridge",
    "  $ systemctl restart docker",
  ]);
  const off = withLinks((links) =>
    links.map((link) =>
      link.name === "docker0" ? { ...link, up: false, operState: "DOWN" } : link
    )
  );
  assert.deepEqual(judged(BRIDGE_MISSING, off).lines, [
    "error down: docker0",
    "  device 3: docker0: mtu 1500 state DOWN",
    "  $ ip link set docker0 up",
  ]);
  assert.deepEqual(sentences(BRIDGE_MISSING, off), [
    "The bridge docker0 is switched off: its containers reach nothing, and the route of this host's subnet is gone.",
  ]);
});

Deno.test("FD307 takes docker0 without containers for right, though its state is DOWN", () => {
  const facts = withLinks((links) =>
    links.filter((link) => link.kind !== "veth").map((link) =>
      link.name === "docker0"
        ? { ...link, carrier: false, operState: "DOWN" }
        : link
    )
  );
  assert.equal(judged(BRIDGE_MISSING, facts).verdict, "ok");
});

Deno.test("FD307 does not miss cni0 on a node without pods", () => {
  const facts = onKubernetes(withDocker(null, docker0(["172.17.0.1/16"])));
  assert.equal(judged(BRIDGE_MISSING, facts).verdict, "skipped: no-bridge");
});

Deno.test("FD305 does not judge where subnet.env gives no IPv4 subnet", () => {
  const facts = healthyFacts();
  const env = { ...given(facts, "subnetEnv"), subnet: null };
  assert.equal(
    judged(BRIDGE_ADDRESS, { ...facts, subnetEnv: known(env) }).verdict,
    "skipped: no-ipv4",
  );
});
