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
import { attachment } from "./attachment.ts";

function judge(facts: Facts) {
  return attachment({
    settings: given(facts, "settings"),
    docker: given(facts, "docker"),
    links: given(facts, "links"),
    addresses: given(facts, "addresses"),
    subnetEnv: given(facts, "subnetEnv"),
  });
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
      "cni br0",
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
      const found = judge(facts);
      assert.equal(found && `${found.by} ${found.bridge}`, wanted);
    });
  }
});
