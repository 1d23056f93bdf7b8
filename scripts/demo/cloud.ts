/**
 * The tutorial's second section 2: host-gw in a cloud.
 *
 * @module
 */
import { addCloudRoutes } from "../../lab/mod.ts";
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
    "flandoc check says FD502 and the two ways out",
    check.code === 1 && (await stage.failing("node-1")).includes("FD502") &&
      /vxlan/i.test(check.text) && check.text.includes("172.7.163.0/24"),
  );
}

/** Way out 1: the cloud's own route table. */
export async function showRouteTable(stage: Stage): Promise<void> {
  const { teller } = stage;
  teller.say("Way out 1: those routes go into the cloud's route table.");
  await addCloudRoutes(stage.lab.plan);
  const page = await stage.type("node-1", REQUEST);
  teller.claim("the page comes", page.text.includes("web on node-2"));
}
