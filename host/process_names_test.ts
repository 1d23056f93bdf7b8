import assert from "node:assert/strict";
import { programName } from "./process_names.ts";

Deno.test("programName() knows what matters to a network", async (t) => {
  const cases: readonly (readonly [
    argv: string,
    executable: string | null,
    comm: string,
    wanted: string | null,
  ])[] = [
    ["/opt/flannel/flanneld --iface=eth0", "flanneld", "flanneld", "flanneld"],
    ["./flanneld", "flanneld-amd64", "flanneld-amd64", "flanneld"],
    ["/opt/bin/flanneld", null, "flanneld", "flanneld"],
    ["sh ./flanneld.sh", "dash", "sh", null],
    ["vim flanneld", "vim.basic", "vim", null],
    ["flandoc run --iface eth0", "flandoc", "flandoc", "flandoc"],
    ["flandoc check", "flandoc", "flandoc", null],
    [
      "/opt/flandoc-0.2.0-linux run",
      "flandoc-0.2.0-linux",
      "flandoc",
      "flandoc",
    ],
    ["/opt/flandoc-0.2.0-linux check", "flandoc-0.2.0-linux", "flandoc", null],
    ["./flanneld-v0.11.0 --iface=eth0", "flanneld-v0.11.0", "x", "flanneld"],
    ["./flanneld-exporter", "flanneld-exporter", "flanneld-export", null],
    ["/usr/bin/deno run -A /opt/flandoc.js run", "deno", "deno", "flandoc"],
    ["/usr/bin/dockerd -H fd://", "dockerd", "dockerd", "dockerd"],
    ["/usr/bin/docker daemon --bip=1.2.3.4/24", "docker", "docker", "dockerd"],
    ["docker ps", "docker", "docker", null],
    ["/usr/local/bin/k3s server", "k3s", "k3s-server", "k3s"],
    ["k3s kubectl get nodes", "k3s", "k3s", null],
    [
      "/usr/bin/python3 -s /usr/sbin/firewalld --nofork",
      "python3.11",
      "firewalld",
      "firewalld",
    ],
    [
      "/lib/systemd/systemd-networkd",
      null,
      "systemd-network",
      "systemd-networkd",
    ],
    [
      "/usr/bin/kube-proxy --config=x",
      "kube-proxy",
      "kube-proxy",
      "kube-proxy",
    ],
    ["bash", "bash", "bash", null],
  ];
  for (const [argv, executable, comm, wanted] of cases) {
    await t.step(argv, () => {
      const traits = { argv: argv.split(" "), executable, comm };
      assert.equal(programName(traits), wanted);
    });
  }
});
