import assert from "node:assert/strict";
import { parseIptables } from "../../flannel/firewall/parse_iptables.ts";
import { known } from "../../snapshot/fact.ts";
import type { Facts, Setting } from "../../snapshot/facts.ts";
import {
  changed,
  onKubernetes,
  withDocker,
  withProcesses,
  withSettings,
  withSubnetEnv,
} from "../../tests/fixtures/changes.ts";
import {
  fixtureAddress,
  fixtureFile,
  fixtureLink,
  fixtureSubnetEnv,
  healthyFacts,
  healthyVxlanFacts,
} from "../../tests/fixtures/healthy.ts";
import { given, judged, sentences } from "../../tests/support/judged.ts";
import { DOCKER_OPTIONS_UNAPPLIED } from "./docker_options_unapplied.ts";
import { IPMASQ_DISAGREES } from "./ipmasq_disagrees.ts";

function asked<T>(value: T): Setting<T> {
  return { value, source: "asked of the daemon" };
}

/** The facts with nat POSTROUTING holding these rules. */
function withNat(rules: readonly string[], base: Facts): Facts {
  const text = `*nat\n:POSTROUTING ACCEPT [0:0]\n${
    rules.map((rule) => `-A POSTROUTING ${rule}\n`).join("")
  }COMMIT\n`;
  return changed({
    netfilter: known([{
      backend: "iptables-nft",
      tables: parseIptables(text).tables,
    }]),
  }, base);
}

const DOCKERS = "-s 172.7.21.0/24 ! -o docker0 -j MASQUERADE";
const SCOPED = "-s 172.7.21.0/24 ! -d 172.7.0.0/16 ! -o docker0 -j MASQUERADE";
const FLANNELS = [
  "-s 172.7.0.0/16 -d 172.7.0.0/16 -j RETURN",
  "-s 172.7.0.0/16 ! -d 224.0.0.0/4 -j MASQUERADE",
];

/** What flanneld, subnet.env and Docker say of masquerading. */
function masquerading(flannel: boolean, docker: boolean): Facts {
  return withDocker(
    { ipMasq: asked(docker) },
    withSettings(
      { ipMasq: flannel },
      withSubnetEnv(fixtureSubnetEnv({ masq: String(flannel) })),
    ),
  );
}

Deno.test("FD308 finds that both masquerade", () => {
  const facts = withNat([DOCKERS, ...FLANNELS], masquerading(true, true));
  assert.deepEqual(judged(IPMASQ_DISAGREES, facts).lines, [
    "warning both: docker0",
    "  file FLANNEL_IPMASQ=true",
    "  config ip-masq true (asked of the daemon)",
    "  rule -A POSTROUTING -s 172.7.21.0/24 ! -o docker0 -j MASQUERADE",
    "  $ systemctl edit docker   # dockerd … --ip-masq=false",
    "  $ systemctl restart docker",
  ]);
});

Deno.test("FD308 does not mind both where Docker's rule is scoped or not made", () => {
  const scoped = withNat([SCOPED, ...FLANNELS], masquerading(true, true));
  assert.equal(judged(IPMASQ_DISAGREES, scoped).verdict, "ok");
  const off = withDocker(
    { iptables: { value: false, source: "dockerd --iptables (pid 955)" } },
    withNat(FLANNELS, masquerading(true, true)),
  );
  assert.equal(judged(IPMASQ_DISAGREES, off).verdict, "ok");
});

Deno.test("FD308 finds that neither masquerades", () => {
  const facts = withNat([], masquerading(false, false));
  assert.deepEqual(judged(IPMASQ_DISAGREES, facts).lines, [
    "warning none: docker0",
    "  file FLANNEL_IPMASQ=false",
    "  config ip-masq false (asked of the daemon)",
    "  $ systemctl edit flanneld   # flanneld … --ip-masq",
    "  $ systemctl restart flanneld",
  ]);
});

Deno.test("FD308 is content when somebody else's rule masquerades", () => {
  const facts = withNat(
    ["-s 172.7.0.0/16 -o eth0 -j MASQUERADE"],
    masquerading(false, false),
  );
  assert.equal(judged(IPMASQ_DISAGREES, facts).verdict, "ok");
});

Deno.test("FD308 is content when one of the two masquerades", () => {
  for (const flannel of [true, false]) {
    const rules = flannel ? FLANNELS : [DOCKERS];
    const facts = withNat(rules, masquerading(flannel, !flannel));
    assert.equal(judged(IPMASQ_DISAGREES, facts).verdict, "ok");
  }
});

Deno.test("FD308 finds a file that the running agent did not write", () => {
  const facts = withSubnetEnv(fixtureSubnetEnv({ masq: "true" }));
  const { lines } = judged(IPMASQ_DISAGREES, facts);
  assert.equal(lines[0], "warning agent: FLANNEL_IPMASQ=true");
  assert.deepEqual(sentences(IPMASQ_DISAGREES, facts), [
    "FLANNEL_IPMASQ in /run/flannel/subnet.env is true, but the running agent was started with --ip-masq=false: the file is not its own.",
  ]);
  const own = changed({
    settings: known({
      ...given(facts, "settings"),
      ipMasq: { value: false, source: "flag --ip-masq" },
    }),
  }, facts);
  assert.notEqual(
    judged(IPMASQ_DISAGREES, own).lines[0],
    "warning agent: FLANNEL_IPMASQ=true",
  );
});

Deno.test("FD308 and FD309 do not apply without Docker, or beside a CNI plugin", () => {
  const cni = changed({
    links: known([
      ...given(healthyFacts(), "links"),
      fixtureLink(9, "cni0", { kind: "bridge" }),
    ]),
    addresses: known([
      ...given(healthyFacts(), "addresses").filter((a) =>
        a.device !== "docker0"
      ),
      fixtureAddress("cni0", "172.7.21.1", 24),
    ]),
  });
  const elsewhere = changed({
    addresses: known([
      ...given(healthyFacts(), "addresses").filter((a) =>
        a.device !== "docker0"
      ),
      fixtureAddress("docker0", "172.17.0.1", 16),
    ]),
  });
  for (const check of [IPMASQ_DISAGREES, DOCKER_OPTIONS_UNAPPLIED]) {
    assert.equal(judged(check, withDocker(null)).verdict, "skipped: no-docker");
    assert.equal(judged(check, cni).verdict, "skipped: docker-aside");
    assert.equal(
      judged(check, onKubernetes(elsewhere)).verdict,
      "skipped: docker-aside",
    );
  }
});

Deno.test("FD309 finds that Docker runs with another bip", () => {
  const facts = withDocker({ bip: asked("172.17.0.1/16") });
  assert.deepEqual(judged(DOCKER_OPTIONS_UNAPPLIED, facts).lines, [
    "error bip: bip 172.17.0.1/16",
    "  config bip 172.17.0.1/16 (asked of the daemon)",
    "  process 955 /usr/sbin/dockerd -H fd:// --bip=172.7.21.1/24 --ip-masq=true --mtu=1500",
    "  file FLANNEL_SUBNET=172.7.21.1/24",
    "  $ mk-docker-opts.sh -f /run/flannel/subnet.env -k DOCKER_NETWORK_OPTIONS -d /run/flannel/docker",
    "  $ systemctl restart docker",
  ]);
  assert.deepEqual(sentences(DOCKER_OPTIONS_UNAPPLIED, facts), [
    "Docker runs with bip 172.17.0.1/16, subnet.env says 172.7.21.1/24: new containers get addresses that no other host routes here.",
  ]);
});

/** dockerd started with these words. */
function dockerd(argv: readonly string[], base = healthyFacts()): Facts {
  return withProcesses(
    (processes) =>
      processes.map((process) =>
        process.name === "dockerd" ? { ...process, argv } : process
      ),
    base,
  );
}

Deno.test("FD309 takes the subnet's first address for right, whatever the file has", () => {
  const facts = withSubnetEnv(fixtureSubnetEnv({ subnet: "172.7.21.9/24" }));
  const bip = (value: string) =>
    judged(DOCKER_OPTIONS_UNAPPLIED, withDocker({ bip: asked(value) }, facts))
      .verdict;
  assert.equal(bip("172.7.21.1/24"), "ok");
  assert.equal(bip("172.7.21.9/24"), "ok");
  assert.equal(bip("172.7.22.1/24"), "failed");
});

Deno.test("FD309 warns of a bip that Docker was never told", () => {
  const facts = dockerd(["/usr/sbin/dockerd", "-H", "fd://"]);
  assert.deepEqual(sentences(DOCKER_OPTIONS_UNAPPLIED, facts), [
    "docker0 has 172.7.21.1/24 now, but Docker was not told so: without --bip it goes back to an address of its own when the bridge is made anew, at the latest after a reboot.",
  ]);
  assert.match(
    judged(DOCKER_OPTIONS_UNAPPLIED, facts).lines[0]!,
    /^warning unset/,
  );
});

Deno.test("FD309 finds the bip on the command line, in daemon.json, or set by a bridge of one's own", () => {
  const bare = ["/usr/sbin/dockerd"];
  const json = withDocker({
    daemonJson: fixtureFile(
      "/etc/docker/daemon.json",
      '{ "bip": "172.7.21.1/24" }',
    ),
  }, dockerd(bare));
  const spaced = dockerd([...bare, "--bip", "172.7.21.1/24"]);
  const unseen = withProcesses((processes) =>
    processes.filter((process) => process.name !== "dockerd")
  );
  for (const facts of [json, spaced, unseen]) {
    assert.equal(judged(DOCKER_OPTIONS_UNAPPLIED, facts).verdict, "ok");
  }
});

Deno.test("FD309 finds an MTU above the overlay's, Docker's default too", () => {
  const vxlan = healthyVxlanFacts();
  for (const value of [1500, null]) {
    const facts = withDocker({ mtu: asked(value) }, vxlan);
    assert.deepEqual(sentences(DOCKER_OPTIONS_UNAPPLIED, facts), [
      "Docker gives new containers an MTU of 1500, the overlay carries 1450: their full packets to other hosts will be lost.",
    ]);
  }
  const small = withDocker({ mtu: asked(1400) }, vxlan);
  assert.equal(judged(DOCKER_OPTIONS_UNAPPLIED, small).verdict, "ok");
});

/** Docker's unit without the line that orders it, and flannel's likewise. */
function unordered(flannelUnit: string): Facts {
  const docker = given(healthyFacts(), "docker")!;
  const dropin = fixtureFile(
    "/etc/systemd/system/docker.service.d/10-flannel.conf",
    "[Service]\nEnvironmentFile=-/run/flannel/docker\n# After=flanneld.service\n",
  );
  return changed({
    units: known([{
      name: "flanneld.service",
      files: [
        fixtureFile("/etc/systemd/system/flanneld.service", flannelUnit),
      ],
      restart: "always",
      active: "active",
    }]),
  }, withDocker({ unitFiles: [docker.unitFiles[0]!, dropin] }));
}

Deno.test("FD309 warns of a unit that reads flannel's file and does not wait for it", () => {
  const facts = unordered("[Service]\nExecStart=/opt/flannel/flanneld\n");
  assert.deepEqual(judged(DOCKER_OPTIONS_UNAPPLIED, facts).lines, [
    "warning order: /etc/systemd/system/docker.service.d/10-flannel.conf",
    "  file /etc/systemd/system/docker.service.d/10-flannel.conf: EnvironmentFile=-/run/flannel/docker",
    "  wanted After=flanneld.service",
    "  $ systemctl edit docker",
  ]);
  assert.deepEqual(sentences(DOCKER_OPTIONS_UNAPPLIED, facts), [
    "Docker's unit reads flannel's options from /run/flannel/docker, but nothing makes it start after flannel: after a reboot the file is not there yet and Docker starts without them.",
  ]);
});

Deno.test("FD309 takes Before=docker.service of flannel's unit for the same, and asks for nothing without systemd", () => {
  const before = unordered("[Unit]\nBefore=docker.service\n");
  assert.equal(judged(DOCKER_OPTIONS_UNAPPLIED, before).verdict, "ok");
  const facts = unordered("");
  const bare = changed({
    persistence: known({ ...given(facts, "persistence"), systemd: false }),
  }, facts);
  assert.equal(judged(DOCKER_OPTIONS_UNAPPLIED, bare).verdict, "ok");
});
