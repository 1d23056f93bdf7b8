import assert from "node:assert/strict";
import type { Facts } from "../snapshot/facts.ts";
import { known } from "../snapshot/fact.ts";
import {
  changed,
  onKubernetes,
  withDocker,
} from "../tests/fixtures/changes.ts";
import {
  fixtureAddress,
  fixtureLink,
  healthyFacts,
} from "../tests/fixtures/healthy.ts";
import { given } from "../tests/support/judged.ts";
import { attachment, attachmentDoubt } from "./attachment.ts";

function factsOf(facts: Facts) {
  return {
    settings: given(facts, "settings"),
    docker: given(facts, "docker"),
    links: given(facts, "links"),
    addresses: given(facts, "addresses"),
    subnetEnv: given(facts, "subnetEnv"),
  };
}

/** Facts with devices made ports of a bridge. */
function ports(
  bridge: string,
  kinds: Readonly<Record<string, string | null>>,
  base: Facts,
): Facts {
  const links = given(base, "links");
  return changed({
    links: known([
      ...links,
      ...Object.entries(kinds).map(([name, kind], n) =>
        fixtureLink(80 + links.length + n, name, { kind, master: bridge })
      ),
    ]),
  }, base);
}

/** The same without the container that hangs on docker0. */
function unused(base: Facts): Facts {
  return changed({
    links: known(given(base, "links").filter(({ kind }) => kind !== "veth")),
  }, base);
}

/** Bridges with their addresses; all others are gone. */
function bridges(each: Readonly<Record<string, string | null>>): Facts {
  const base = healthyFacts();
  const names = Object.keys(each);
  return changed({
    links: known([
      ...given(base, "links").filter((link) => link.kind !== "bridge"),
      ...names.map((name, n) => fixtureLink(50 + n, name, { kind: "bridge" })),
    ]),
    addresses: known([
      ...given(base, "addresses").filter((a) => a.device !== "docker0"),
      ...names.flatMap((name) => {
        const [address, length] = each[name]?.split("/") ?? [];
        return address === undefined
          ? []
          : [fixtureAddress(name, address, Number(length))];
      }),
    ]),
  });
}

const OWN = "172.7.21.1/24";
/** The first address of another host's subnet, or of this one's former. */
const FORMER = "172.7.77.1/24";
const DOCKERS = "172.17.0.1/16";

Deno.test("attachment() says who attaches containers, and by which bridge", async (t) => {
  const cases: readonly (readonly [string, Facts, string | null])[] = [
    ["Docker on the subnet", bridges({ docker0: OWN }), "docker docker0"],
    ["Docker elsewhere", bridges({ docker0: DOCKERS }), "docker docker0"],
    ["no bridge yet", bridges({}), "docker docker0"],
    [
      "cni0 on the subnet, docker0 beside it",
      bridges({ docker0: DOCKERS, cni0: OWN }),
      "cni cni0",
    ],
    [
      "neither on the subnet",
      bridges({ docker0: DOCKERS, cni0: "172.7.9.1/24" }),
      "cni cni0",
    ],
    [
      "a cni0 left behind",
      bridges({ docker0: OWN, cni0: "172.7.9.1/24" }),
      "docker docker0",
    ],
    [
      "a bridge of another name",
      bridges({ docker0: DOCKERS, br0: OWN }),
      "other br0",
    ],
    [
      "Docker with a bridge of its administrator's",
      withDocker(
        { bridge: { value: "br0", source: "dockerd --bridge (pid 955)" } },
        bridges({ br0: OWN }),
      ),
      "docker br0",
    ],
    [
      "Docker without a bridge",
      withDocker(
        { bridge: { value: "none", source: "dockerd --bridge (pid 955)" } },
        bridges({}),
      ),
      null,
    ],
    ["no Docker, no pods", withDocker(null, bridges({})), null],
    ["no Docker, pods", withDocker(null, bridges({ cni0: OWN })), "cni cni0"],
    [
      "Kubernetes with Docker as runtime, no pods",
      onKubernetes(bridges({ docker0: DOCKERS })),
      null,
    ],
  ];
  for (const [name, facts, wanted] of cases) {
    await t.step(name, () => {
      const found = attachment(factsOf(facts));
      assert.equal(found && `${found.by} ${found.bridge}`, wanted);
    });
  }
});

Deno.test("attachment() takes a bridge with containers on another subnet for the one meant", async (t) => {
  const bare = (facts: Facts) => withDocker(null, unused(facts));
  const cases: readonly (readonly [string, Facts, string | null])[] = [
    [
      "docker0 by hand",
      ports("docker0", { veth1: "veth" }, bare(bridges({ docker0: FORMER }))),
      "other docker0",
    ],
    [
      "a bridge of another name under Kubernetes",
      ports(
        "br0",
        { veth1: "veth" },
        onKubernetes(bare(bridges({ br0: FORMER }))),
      ),
      "cni br0",
    ],
    [
      "Docker's bridge under Kubernetes",
      onKubernetes(bridges({ docker0: FORMER })),
      "docker docker0",
    ],
    [
      "Docker's bridge on the subnet, under Kubernetes",
      onKubernetes(bridges({ docker0: OWN })),
      "docker docker0",
    ],
    [
      "Docker's bridge, though a cni0 was left behind",
      bridges({ docker0: FORMER, cni0: "172.7.9.1/24" }),
      "docker docker0",
    ],
    [
      "an unknown bridge, Docker's without containers in a range of Docker's",
      ports(
        "br0",
        { veth1: "veth" },
        unused(bridges({ docker0: DOCKERS, br0: FORMER })),
      ),
      "other br0",
    ],
    [
      "Docker's bridge with containers before an unknown one",
      ports(
        "br0",
        { veth1: "veth" },
        bridges({ docker0: DOCKERS, br0: FORMER }),
      ),
      "docker docker0",
    ],
    [
      "one on the subnet beside one that has been",
      ports("br0", { veth1: "veth" }, bridges({ docker0: OWN, br0: FORMER })),
      "docker docker0",
    ],
    [
      "a stale docker0 beside a right cni0",
      onKubernetes(bridges({ docker0: FORMER, cni0: OWN })),
      "cni cni0",
    ],
    [
      "another address of the own subnet, no container",
      bare(bridges({ br0: "172.7.21.9/24" })),
      "other br0",
    ],
    [
      "the own address with another length",
      bare(bridges({ br0: "172.7.21.1/16" })),
      "other br0",
    ],
  ];
  for (const [name, facts, wanted] of cases) {
    await t.step(name, () => {
      const found = attachment(factsOf(facts));
      assert.equal(found && `${found.by} ${found.bridge}`, wanted);
      assert.equal(attachmentDoubt(factsOf(facts)), null);
    });
  }
});

Deno.test("attachment() minds no bridge of another kind", async (t) => {
  const bare = (facts: Facts) => withDocker(null, unused(facts));
  const cases: readonly (readonly [string, Facts])[] = [
    [
      "outside the network",
      ports("br0", { veth1: "veth" }, bare(bridges({ br0: "10.9.9.1/24" }))),
    ],
    [
      "for machines",
      ports("virbr0", { vnet0: "tun" }, bare(bridges({ virbr0: FORMER }))),
    ],
    ["without address, empty", bare(bridges({ br0: null }))],
    [
      "without address, a cable in it",
      ports("br0", { veth1: "veth", eth1: null }, bare(bridges({ br0: null }))),
    ],
    ["for machines, empty", bare(bridges({ virbr0: FORMER }))],
    [
      "Podman's, in a range of its own",
      ports(
        "podman0",
        { veth1: "veth" },
        bare(bridges({ podman0: "172.7.0.1/17" })),
      ),
    ],
    [
      "docker0 that Docker has left, empty",
      bare(bridges({ docker0: DOCKERS })),
    ],
    [
      "docker0 on a Kubernetes node",
      onKubernetes(bridges({ docker0: DOCKERS })),
    ],
    [
      "another network of Docker's",
      onKubernetes(withDocker(
        {
          networks: [{
            name: "shop",
            bridge: "br-shop",
            subnets: ["172.7.77.0/24"],
            gateway: "172.7.77.1",
            ipMasquerade: true,
            mtu: null,
          }],
        },
        ports(
          "br-shop",
          { veth1: "veth" },
          unused(bridges({ "br-shop": FORMER })),
        ),
      )),
    ],
  ];
  for (const [name, facts] of cases) {
    await t.step(name, () => {
      assert.equal(attachment(factsOf(facts)), null);
      assert.equal(attachmentDoubt(factsOf(facts)), null);
    });
  }
});

Deno.test("attachmentDoubt() says what cannot be told", async (t) => {
  const bare = (facts: Facts) => withDocker(null, unused(facts));
  const two = bare(bridges({ br0: FORMER, br1: "172.7.78.1/24" }));
  const cases: readonly (readonly [Facts, string])[] = [
    [
      bare(bridges({ docker0: FORMER })),
      "cannot tell whether docker0 attaches containers to this network: it has 172.7.77.1/24, inside 172.7.0.0/16 but not on this host's subnet 172.7.21.1/24, and nothing hangs on it",
    ],
    [
      ports("br0", { veth1: "veth" }, bare(bridges({ br0: "172.7.77.9/24" }))),
      "cannot tell whether br0 attaches containers to this network: it has 172.7.77.9/24, inside 172.7.0.0/16 but not on this host's subnet 172.7.21.1/24, and flannel gives no host an address like that",
    ],
    [
      ports(
        "br0",
        { veth1: "veth", eth1: null },
        bare(bridges({ br0: FORMER })),
      ),
      "cannot tell whether br0 attaches containers to this network: it has 172.7.77.1/24, inside 172.7.0.0/16 but not on this host's subnet 172.7.21.1/24, and eth1, which is no container's, is a port of it",
    ],
    [
      ports("lxdbr0", { veth1: "veth" }, bare(bridges({ lxdbr0: FORMER }))),
      "cannot tell whether lxdbr0 attaches containers to this network: it has 172.7.77.1/24, inside 172.7.0.0/16 but not on this host's subnet 172.7.21.1/24, and bridges of that name are another program's",
    ],
    [
      ports("br1", { veth2: "veth" }, ports("br0", { veth1: "veth" }, two)),
      "cannot tell which of br0, br1 attaches containers to this network: none is on this host's subnet 172.7.21.1/24",
    ],
    [
      ports("br0", { veth1: "veth" }, bare(bridges({ br0: null }))),
      "cannot tell whether br0 attaches containers to this network: containers hang on it and it has no address",
    ],
    [
      withDocker(null, bridges({ docker0: DOCKERS })),
      "cannot tell whether docker0 attaches containers to this network: containers hang on it and it has 172.17.0.1/16, but no Docker runs here",
    ],
  ];
  for (const [facts, wanted] of cases) {
    await t.step(wanted, () => {
      assert.equal(attachmentDoubt(factsOf(facts)), wanted);
      assert.equal(attachment(factsOf(facts)), null);
    });
  }
});
