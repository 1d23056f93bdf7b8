/**
 * The tutorial's sections 2.1 to 3.2: host-gw, and addresses that are lost.
 *
 * @module
 */
import { soon } from "./soon.ts";
import type { Stage } from "./stage.ts";
import { HOST_1, LAST_REQUEST, REQUEST, WEB_1 } from "./tutorial.ts";

/** Section 2: config, subnet.env, routes. */
export async function showNetwork(stage: Stage): Promise<void> {
  const { teller } = stage;
  teller.chapter("1  The network, as in the tutorial's section 2");
  const config = "etcdctl get /coreos.com/network/config";
  await stage.type("etcd-1", config);
  for (
    const [node, own, other] of [["node-1", 164, 163], ["node-2", 163, 164]]
  ) {
    const host = String(node);
    const env = await stage.type(host, "cat /run/flannel/subnet.env");
    const routes = await stage.type(host, "ip route | grep '^172.7'");
    teller.claim(
      `${host} holds 172.7.${own}.0/24 and has a route to the other's subnet`,
      env.text.includes(`FLANNEL_SUBNET=172.7.${own}.1/24`) &&
        routes.text.includes(
          `172.7.${other}.0/24 via 172.26.216.${other} dev eth0`,
        ),
    );
  }
}

/** Section 3.1: who asked? */
export async function showLostAddress(stage: Stage): Promise<void> {
  const { teller } = stage;
  teller.chapter("2  A request between containers (3.1.2)");
  await ask(stage);
  const log = await stage.type("node-2", LAST_REQUEST);
  teller.claim(
    `the web server saw the host ${HOST_1}, not the container ${WEB_1}`,
    log.text.includes(`${HOST_1}]`),
  );
}

/** flandoc finds the reason, and nothing else. */
export async function showCheck(stage: Stage): Promise<void> {
  const { teller } = stage;
  teller.chapter("3  What is wrong?");
  const check = await stage.type("node-1", "flandoc check");
  teller.claim(
    "FD601 and nothing else is wrong, exit status 1",
    check.code === 1 && same(await stage.failing("node-1"), ["FD601"]),
  );
}

/** Section 3.2: the repair and its effect. */
export async function showRepair(stage: Stage): Promise<void> {
  const { teller } = stage;
  teller.chapter("4  The repair (3.2.2)");
  const fix = await stage.type("node-1", "flandoc fix --snat --yes");
  teller.claim("the repair worked", fix.code === 0);
  await seesContainer(stage);
  const again = await stage.type("node-1", "flandoc fix --snat --dry-run");
  teller.claim("a second repair has nothing to do", again.code === 0);
}

/** Section 3.2.3: Docker brings its rule back. */
export async function showDockerRestart(stage: Stage): Promise<void> {
  const { teller } = stage;
  teller.chapter("5  Docker restarts, and its rule is back (3.2.3)");
  await stage.type("node-1", "service docker restart");
  const rules = "iptables-save -t nat | grep 'POSTROUTING.*docker0'";
  const saved = await stage.type("node-1", rules);
  const docker = "-A POSTROUTING -s 172.7.164.0/24 ! -o docker0 -j MASQUERADE";
  teller.claim("Docker's rule is back", saved.text.includes(docker));
  const check = await stage.type("node-1", "flandoc check -o short");
  teller.claim(
    "flandoc check says so",
    check.code === 1 && (await stage.failing("node-1")).includes("FD601"),
  );
}

/** The agent keeps the rule as it has to be. */
export async function showAgentHolds(stage: Stage): Promise<void> {
  const { teller } = stage;
  teller.chapter("6  The agent holds it");
  teller.say("flandoc run --snat keeps Docker's rule scoped from now on.");
  const script = "/opt/flannel/flanneld.sh";
  await stage.type("node-1", `sed -i 's/flandoc run/& --snat/' ${script}`);
  await stage.type("node-1", "service flanneld restart");
  await stage.type("node-1", "service docker restart");
  const held = await soon(async () =>
    !(await stage.failing("node-1")).includes("FD601")
  );
  const check = await stage.type("node-1", "flandoc check -o short");
  teller.claim(
    "Docker restarted, and no error is left; only a reboot is warned of, for nothing starts the agent on this practice host then",
    held && check.code === 0,
  );
  await seesContainer(stage);
}

async function seesContainer(stage: Stage): Promise<void> {
  await ask(stage);
  const log = await stage.type("node-2", LAST_REQUEST);
  stage.teller.claim(
    `the web server sees the container ${WEB_1} itself (3.2.4)`,
    log.text.includes(`${WEB_1}]`),
  );
}

async function ask(stage: Stage): Promise<void> {
  const page = await stage.type("node-1", REQUEST);
  stage.teller.claim("the page comes", page.text.includes("web on node-2"));
}

function same(found: readonly string[], wanted: readonly string[]): boolean {
  return found.join() === wanted.join();
}
