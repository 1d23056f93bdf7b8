/**
 * The tutorial's second section 2: host-gw in a cloud.
 *
 * @module
 */
import { changeCloudRoutes, cloudRouteCommands } from "../../lab/mod.ts";
import { soon } from "./soon.ts";
import type { Stage } from "./stage.ts";
import { REQUEST } from "./tutorial.ts";

/** The same network on a switch that proxies ARP: nothing arrives, and why. */
export async function showCloud(stage: Stage): Promise<void> {
  const { teller } = stage;
  teller.chapter("7  The same network in a cloud (the tutorial's ECS)");
  teller.say(
    "Its switch answers every ARP request itself and drops what is not between the hosts' own addresses.",
  );
  await stage.type("node-1", "ip route | grep '^172.7'");
  const lost = await stage.type("node-1", REQUEST);
  teller.claim(
    "routes are in place, and containers do not reach each other",
    !lost.text.includes("web on node-2"),
  );
  const check = await stage.type("node-1", "flandoc check");
  teller.claim(
    "flandoc check says FD502, nothing else, and the two ways out",
    check.code === 1 &&
      (await stage.failing("node-1")).join() === "FD502" &&
      /vxlan/i.test(check.text) &&
      check.text.includes("172.7.163.0/24 via 172.26.216.163"),
  );
}

/** Way out 1: the cloud's own route table. */
export async function showRouteTable(stage: Stage): Promise<void> {
  const { teller } = stage;
  teller.chapter("8  Way out 1: routes in the cloud's own table (2.2.2)");
  const { plan } = stage.lab;
  for (const command of cloudRouteCommands(plan, "add")) {
    await teller.type("cloud", command, () => Promise.resolve(SILENT));
  }
  await changeCloudRoutes(plan, "add");
  const page = await stage.type("node-1", REQUEST);
  teller.claim("the page comes", page.text.includes("web on node-2"));
  await changeCloudRoutes(plan, "delete");
}

const SILENT = { code: 0, text: "" };

const VXLAN = '{"Network": "172.7.0.0/16", "Backend": {"Type": "VxLAN"}}';

/** Way out 2: vxlan, spelt as the tutorial spells it. */
export async function showVxlan(stage: Stage): Promise<void> {
  const { teller } = stage;
  teller.chapter("9  Way out 2, without those routes: vxlan (2.2.3, 3)");
  await stage.type(
    "etcd-1",
    `etcdctl set /coreos.com/network/config '${VXLAN}'`,
  );
  for (const node of ["node-1", "node-2"]) {
    await stage.type(node, "service flanneld restart");
  }
  await soon(async () => {
    const { text } = await stage.look("node-1", "ip route");
    return text.includes("dev flannel.1");
  });
  teller.say("subnet.env has the smaller MTU; Docker reads it at its start.");
  for (const node of ["node-1", "node-2"]) {
    await stage.type(node, "service docker restart");
  }
  await stage.type("node-1", "ip route | grep '^172.7'");
  const page = await stage.type("node-1", REQUEST);
  teller.claim("the page comes", page.text.includes("web on node-2"));
  const check = await stage.type("node-1", "flandoc check -o short");
  teller.claim("nothing is wrong", check.code === 0);
}
