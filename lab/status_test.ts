import assert from "node:assert/strict";
import { type LabStatus, renderLabStatus } from "./status.ts";

const STATUS: LabStatus = {
  name: "lab",
  network: "172.7.0.0/16",
  backend: "host-gw",
  endpoints: ["http://172.26.216.2:2379"],
  cloud: false,
  nodes: [
    {
      name: "etcd-1",
      address: "172.26.216.2",
      subnet: null,
      running: true,
      services: ["etcd"],
    },
    {
      name: "node-1",
      address: "172.26.216.11",
      subnet: "172.7.21.0/24",
      running: true,
      services: ["flandoc", "docker", "web"],
    },
    {
      name: "node-2",
      address: "172.26.216.12",
      subnet: "172.7.22.0/24",
      running: false,
      services: [],
    },
  ],
};

Deno.test("renderLabStatus() prints a line for each node", () => {
  assert.deepEqual(renderLabStatus(STATUS), [
    "lab · host-gw · 172.7.0.0/16 · etcd http://172.26.216.2:2379",
    "  etcd-1  172.26.216.2                  etcd",
    "  node-1  172.26.216.11  172.7.21.0/24  flandoc, docker, web",
    "  node-2  172.26.216.12  172.7.22.0/24  down",
  ]);
});

Deno.test("renderLabStatus() names a cloud and a missing network", () => {
  const [title] = renderLabStatus({ ...STATUS, network: null, cloud: true });
  assert.match(title ?? "", /no network config .* cloud switch$/);
});
