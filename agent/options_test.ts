import assert from "node:assert/strict";
import { agentOptions, UsageError } from "./options.ts";

function flags(values: Record<string, string | string[]>) {
  return new Map(
    Object.entries(values).map(([name, value]) => [name, [value].flat()]),
  );
}

Deno.test("agentOptions() has flanneld's defaults", () => {
  const options = agentOptions(new Map(), {});
  assert.equal(options.store, "auto");
  assert.deepEqual(options.etcd, {
    endpoints: ["http://127.0.0.1:4001", "http://127.0.0.1:2379"],
    prefix: "/coreos.com/network",
  });
  assert.equal(options.subnetFile, "/run/flannel/subnet.env");
  assert.equal(options.subnetLeaseRenewMargin, 60);
  assert.equal(options.iptablesForwardRules, true);
  assert.equal(options.ipMasq, false);
  assert.equal(options.iptablesResync, 5);
  assert.equal(options.healthzPort, 0);
});

Deno.test("agentOptions() prefers flags, then FLANDOC_*, then FLANNELD_*", () => {
  const env = {
    FLANNELD_ETCD_PREFIX: "/three",
    FLANDOC_ETCD_PREFIX: "/two",
    FLANNELD_IFACE: "eth3",
    FLANNELD_IP_MASQ: "true",
    FLANNELD_SUBNET_FILE: "",
    NOTIFY_SOCKET: "@x",
  };
  const given = flags({ "etcd-prefix": "/one", "iface": ["eth1", "eth2"] });
  const one = agentOptions(given, env);
  assert.equal(one.etcd.prefix, "/one");
  assert.deepEqual(one.interface.iface, ["eth1", "eth2"]);
  const two = agentOptions(new Map(), env);
  assert.equal(two.etcd.prefix, "/two");
  assert.deepEqual(two.interface.iface, ["eth3"]);
  assert.equal(two.ipMasq, true);
  assert.equal(two.subnetFile, "/run/flannel/subnet.env");
  assert.equal(two.notifySocket, "@x");
});

Deno.test("agentOptions() refuses bad flags", async (t) => {
  const table: [Record<string, string>, string][] = [
    [
      { "healthz-port": "http" },
      'Cannot use --healthz-port: expected a number from 0 to 65535, got "http"',
    ],
    [
      { "subnet-lease-renew-margin": "1440" },
      'Cannot use --subnet-lease-renew-margin: expected a number from 1 to 1439, got "1440"',
    ],
    [
      { "ip-masq": "maybe" },
      'Cannot use --ip-masq: expected true or false, got "maybe"',
    ],
    [
      { "public-ip": "fd00::1" },
      'Cannot use --public-ip: expected an IPv4 address, got "fd00::1"',
    ],
    [
      { "etcd-api": "v4" },
      'Cannot use --etcd-api: expected v2 or v3, got "v4"',
    ],
    [
      { "etcd-endpoints": " , " },
      "Cannot use --etcd-endpoints: expected a URL",
    ],
  ];
  for (const [values, message] of table) {
    await t.step(message, () => {
      assert.throws(
        () => agentOptions(flags(values), {}),
        (error) => error instanceof UsageError && error.message === message,
      );
    });
  }
});

Deno.test("agentOptions() ignores bad variables, as flanneld does", () => {
  const options = agentOptions(new Map(), { FLANNELD_HEALTHZ_PORT: "http" });
  assert.equal(options.healthzPort, 0);
  assert.deepEqual(options.ignoredVariables, [
    'FLANNELD_HEALTHZ_PORT="http": expected a number from 0 to 65535',
  ]);
});

Deno.test("agentOptions() knows the store", () => {
  const store = (values: Record<string, string>, env = {}) =>
    agentOptions(flags(values), env).store;
  assert.equal(store({ "etcd-api": "v2" }), "etcd-v2");
  assert.equal(store({}, { FLANDOC_ETCD_API: "v3" }), "etcd-v3");
  assert.equal(store({ "kube-subnet-mgr": "true" }), "kubernetes");
});
