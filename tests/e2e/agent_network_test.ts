/**
 * Networks whose hosts are kept by `flandoc run`: every kind of them carries
 * packets, and goes on carrying them whatever happens to etcd.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type Lab, labExec, type LabRequest } from "../../lab/mod.ts";
import {
  AGENT_LAB_PROGRAMS,
  assertFollows,
  assertWhole,
  hostsOf,
  onNode,
  overlayRoutes,
  PREFIX,
  putLease,
  startTraffic,
  withAgentLab,
} from "../support/agent_lab.ts";
import { eventually, promptly } from "../support/agents.ts";
import { needs } from "../support/needs.ts";

const REAL = needs({ netns: true, programs: AGENT_LAB_PROGRAMS });

/** Seconds that etcd is frozen. */
const FREEZE_SECONDS = 60;

function request(
  backend: Record<string, unknown>,
  etcd: LabRequest["etcd"],
  more: Omit<LabRequest, "name"> = {},
): Omit<LabRequest, "name"> {
  const config = { Network: "172.7.0.0/16", Backend: backend };
  return {
    hosts: 3,
    agent: "flandoc",
    config: JSON.stringify(config),
    ...etcd === undefined ? {} : { etcd },
    ...more,
  };
}

/** Runs a fault while packets pass; none may be lost. */
async function withoutLoss(
  lab: Lab,
  fault: () => Promise<void>,
): Promise<void> {
  const [one, two, three] = hostsOf(lab);
  const streams = [
    startTraffic(lab, one!, two!),
    startTraffic(lab, two!, three!),
  ];
  let counts;
  try {
    await fault();
    // It may be over in 0.2 s, and what follows from it still to come.
    await new Promise((resolve) => setTimeout(resolve, 1000));
  } finally {
    counts = await Promise.all(streams.map((stream) => stream.stop()));
  }
  for (const { sent, lost } of counts) {
    assert.ok(sent > 10, `only ${sent} packets were sent`);
    assert.equal(lost, 0, `${lost} of ${sent} were lost`);
  }
}

const KILL_ETCD = "kill -9 $(cat /run/etcd.pid)";
const START_ETCD = "/run/etcd.sh";

/** Starts the only member again and waits until it serves. */
async function startEtcd(lab: Lab): Promise<void> {
  await onNode(lab, "etcd-1", START_ETCD);
  await eventually(
    () => labExec(lab, "etcd-1", ["etcdctl", "get", `${PREFIX}/config`]),
    ({ code }) => code === 0,
  );
}

Deno.test({
  name: "flandoc run: host-gw on etcd v2, which is restarted",
  ...REAL,
  async fn(t) {
    await withAgentLab(
      request({ Type: "host-gw" }, { api: "v2" }),
      async (lab) => {
        await t.step("containers reach each other", () => assertWhole(lab));
        await t.step("etcd is killed and started", async () => {
          await withoutLoss(lab, async () => {
            await onNode(lab, "etcd-1", KILL_ETCD);
            await onNode(lab, "node-1", "busybox sleep 1");
            await startEtcd(lab);
            await assertFollows(lab);
          });
        });
        await t.step("routes are kept while it is away", async () => {
          await onNode(lab, "etcd-1", KILL_ETCD);
          await onNode(lab, "node-1", "ip route del 172.7.22.0/24");
          await promptly(
            () => overlayRoutes(lab, "node-1"),
            (routes) => routes.length === 2,
            1_000,
          );
          await startEtcd(lab);
          await assertFollows(lab);
          await assertWhole(lab);
        });
      },
    );
  },
});

Deno.test({
  name: "flandoc run: host-gw on etcd v3, compacted while disconnected",
  ...REAL,
  async fn(t) {
    await withAgentLab(
      request({ Type: "host-gw" }, { api: "v3" }),
      async (lab) => {
        await t.step("containers reach each other", () => assertWhole(lab));
        await t.step("compaction while node-1 is cut off", async () => {
          await withoutLoss(lab, async () => {
            await onNode(
              lab,
              "node-1",
              `iptables -w -I INPUT -p tcp --sport 2379 -j DROP
            iptables -w -I OUTPUT -p tcp --dport 2379 -j REJECT --reject-with tcp-reset`,
            );
            await putLease(
              lab,
              "172.7.150.0-24",
              '{"PublicIP":"172.26.216.98","BackendType":"host-gw"}',
            );
            await onNode(
              lab,
              "etcd-1",
              `for i in 1 2 3 4 5; do etcdctl put /noise $i >/dev/null; done
            etcdctl compact $(etcdctl get /noise -w fields | sed -n 's/"Revision" : //p')`,
            );
            await eventually(
              () => onNode(lab, "node-1", "cat /var/log/flanneld.log"),
              (log) => log.includes("etcd does not answer"),
            );
            await onNode(
              lab,
              "node-1",
              `iptables -w -D INPUT -p tcp --sport 2379 -j DROP
            iptables -w -D OUTPUT -p tcp --dport 2379 -j REJECT --reject-with tcp-reset`,
            );
            await eventually(
              () => overlayRoutes(lab, "node-1"),
              (routes) => routes.some((r) => r.startsWith("172.7.150.0/24")),
            );
            await assertFollows(lab);
          });
          await assertWhole(lab);
        });
      },
    );
  },
});

Deno.test({
  name: "flandoc run: vxlan on etcd v2 and host-gw on v3, which freeze",
  ...REAL,
  async fn(t) {
    // Two networks at once: the minute is waited for once.
    await withAgentLab(
      request({ Type: "vxlan" }, { api: "v2" }),
      (old) =>
        withAgentLab(
          request({ Type: "host-gw" }, { api: "v3" }),
          async (now) => {
            const both = (body: (lab: Lab) => Promise<void>) =>
              Promise.all([old, now].map(body));
            await t.step("containers reach each other", async () => {
              await both(assertWhole);
            });
            await t.step(`etcd is frozen for ${FREEZE_SECONDS} s`, async () => {
              await both((lab) => withoutLoss(lab, () => freeze(lab)));
              await both(async (lab) => {
                const log = await onNode(
                  lab,
                  "node-1",
                  "cat /var/log/flanneld.log",
                );
                assert.match(log, /etcd does not answer/);
                assert.doesNotMatch(log, /Subnet removed: 172\.7\.2[123]/);
                await assertWhole(lab);
              });
            });
          },
        ),
    );
  },
});

/** Freezes etcd; in the meantime the agents heal, and afterwards follow. */
async function freeze(lab: Lab): Promise<void> {
  await onNode(lab, "etcd-1", "kill -STOP $(cat /run/etcd.pid)");
  try {
    await onNode(lab, "node-1", `busybox sleep ${FREEZE_SECONDS}`);
    await onNode(lab, "node-1", "ip route del 172.7.23.0/24");
    await promptly(
      () => overlayRoutes(lab, "node-1"),
      (routes) => routes.length === 2,
      1_000,
    );
  } finally {
    await onNode(lab, "etcd-1", "kill -CONT $(cat /run/etcd.pid)");
  }
  // Though nothing happens there.
  await eventually(
    () => onNode(lab, "node-1", "cat /var/log/flanneld.log"),
    (log) => /does not answer[^]*etcd answers again/.test(log),
    30_000,
  );
  await assertFollows(lab);
}

Deno.test({
  name: "flandoc run: udp on etcd v3, whose packets pass through a worker",
  ...REAL,
  async fn() {
    await withAgentLab(
      request({ Type: "udp" }, { api: "v3" }, { hosts: 2 }),
      (lab) => assertWhole(lab),
    );
  },
});

Deno.test({
  name: "flandoc run: vxlan on three members of etcd v3, one is killed",
  ...REAL,
  async fn(t) {
    const three = request({ Type: "vxlan" }, { api: "v3", members: 3 });
    await withAgentLab(three, async (lab) => {
      await t.step("containers reach each other", () => assertWhole(lab));
      // Each: one of them leads, and the agents' watches hang on another.
      for (const member of ["etcd-1", "etcd-2", "etcd-3"]) {
        await t.step(`${member} is killed`, async () => {
          await withoutLoss(lab, async () => {
            await onNode(lab, member, KILL_ETCD);
            await assertFollows(lab);
            await onNode(lab, member, START_ETCD);
            await eventually(
              () =>
                onNode(lab, "etcd-1", "etcdctl endpoint health 2>&1 || true"),
              (text) => text.split("is healthy").length === 4,
            );
          });
        });
      }
      await assertWhole(lab);
    });
  },
});

Deno.test({
  name: "flandoc run: udp on etcd v2, which is restarted",
  ...REAL,
  async fn(t) {
    const udp = request({ Type: "udp" }, { api: "v2" });
    await withAgentLab(udp, async (lab) => {
      await t.step("containers reach each other", () => assertWhole(lab));
      await t.step("etcd is killed and started", async () => {
        await withoutLoss(lab, async () => {
          await onNode(lab, "etcd-1", KILL_ETCD);
          await startEtcd(lab);
        });
      });
      await t.step("an agent is restarted", async () => {
        await onNode(lab, "node-1", "/etc/init.d/flanneld stop");
        await onNode(lab, "node-1", "/etc/init.d/flanneld start");
        await eventually(
          () => onNode(lab, "node-1", "ip -4 route show 172.7.0.0/16"),
          (text) => text.includes("dev flannel0"),
        );
        await eventually(
          () => assertWhole(lab).then(() => "", String),
          (error) => error === "",
        );
      });
    });
  },
});

Deno.test({
  name: "flandoc run: vxlan with DirectRouting over two segments",
  ...REAL,
  async fn(t) {
    const backend = { Type: "vxlan", DirectRouting: true, VNI: 7, Port: 4789 };
    const wide = request(backend, { api: "v3" }, { segments: 2 });
    await withAgentLab(wide, async (lab) => {
      await t.step("containers reach each other", () => assertWhole(lab));
      await t.step("directly where they can", async () => {
        assert.deepEqual(await overlayRoutes(lab, "node-1"), [
          "172.7.22.0/24 via 172.7.22.0 dev flannel.7 proto 107 onlink",
          "172.7.23.0/24 via 172.26.216.13 dev eth0 proto 107",
        ]);
        assert.deepEqual(await overlayRoutes(lab, "node-2"), [
          "172.7.21.0/24 via 172.7.21.0 dev flannel.7 proto 107 onlink",
          "172.7.23.0/24 via 172.7.23.0 dev flannel.7 proto 107 onlink",
        ]);
      });
      await t.step("leases as flannel writes them", async () => {
        const text = await onNode(
          lab,
          "etcd-1",
          `etcdctl get --prefix ${PREFIX}/subnets/ --print-value-only`,
        );
        for (const line of text.trim().split("\n")) {
          assert.match(
            line,
            /^\{"PublicIP":"172\.26\.21[67]\.1\d","PublicIPv6":null,"BackendType":"vxlan","BackendData":\{"VNI":7,"VtepMAC":"[0-9a-f:]{17}"\}\}$/,
          );
        }
      });
    });
  },
});
