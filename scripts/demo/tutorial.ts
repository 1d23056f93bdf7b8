/**
 * The tutorial's network: its addresses, its subnets, its config.
 *
 * @module
 */
import type { LabRequest } from "../../lab/mod.ts";

/** Two hosts with etcd over TLS, agents and real Docker. */
export const TUTORIAL_LAB: LabRequest = {
  name: "demo",
  hosts: 2,
  addresses: ["172.26.216.164", "172.26.216.163"],
  subnets: ["172.7.164.0/24", "172.7.163.0/24"],
  etcd: { tls: true },
  healthz: true,
  containers: "docker",
  masquerade: "docker",
};

/**
 * The same in a cloud. The agent masquerades and Docker does not, so that what
 * was repaired before is not found again.
 */
export const CLOUD_LAB: LabRequest = {
  ...TUTORIAL_LAB,
  cloud: true,
  agentFlags: ["--ip-masq"],
};

/** The container `web` of node-1. */
export const WEB_1 = "172.7.164.2";
/** The container `web` of node-2. */
export const WEB_2 = "172.7.163.2";
/** Address of node-1. */
export const HOST_1 = "172.26.216.164";

/** Has the container of node-1 ask the page of node-2's container. */
export const REQUEST = `docker exec web timeout 3 wget -qO- http://${WEB_2}/`;

/** The last request that node-2's container saw. */
export const LAST_REQUEST = "docker logs web 2>&1 | grep url: | tail -n 1";
