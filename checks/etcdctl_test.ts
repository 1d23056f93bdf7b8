import assert from "node:assert/strict";
import type { Lease } from "../flannel/lease.ts";
import { withSettings } from "../tests/fixtures/changes.ts";
import { given } from "../tests/support/judged.ts";
import {
  configKey,
  etcdctl,
  type EtcdctlVerb,
  leaseKey,
  leaseLine,
  recordLine,
} from "./etcdctl.ts";

const PLAIN = {
  etcdEndpoints: ["http://127.0.0.1:2379"],
  etcdCafile: "",
  etcdCertfile: "",
  etcdKeyfile: "",
};

const V2 = given(withSettings(PLAIN), "settings");
const V3 = given(withSettings({ ...PLAIN, store: "etcd-v3" }), "settings");

const LEASE: Lease = {
  key: "10.5.1.0-24",
  subnet: "10.5.1.0/24",
  ipv6Subnet: null,
  attributes: {
    publicIP: "10.0.0.1",
    publicIPv6: null,
    backendType: "vxlan",
    backendData: { VtepMAC: "02:00:00:00:00:01" },
    backendV6Data: null,
  },
  ttl: 1,
};

Deno.test("etcdctl() speaks the API in use, and both of them", async (t) => {
  const cases: readonly (readonly [EtcdctlVerb, string, string])[] = [
    ["get", "get", "get"],
    ["put", "set", "put"],
    ["delete", "rm", "del"],
    ["list", "ls", "get --prefix --keys-only"],
  ];
  const head = "etcdctl --endpoints=http://127.0.0.1:2379";
  for (const [verb, v2, v3] of cases) {
    await t.step(verb, () => {
      assert.equal(etcdctl(V2, verb, "/k"), `ETCDCTL_API=2 ${head} ${v2} /k`);
      assert.equal(etcdctl(V3, verb, "/k"), `ETCDCTL_API=3 ${head} ${v3} /k`);
      assert.equal(
        etcdctl(V3, verb, "/k", undefined, "etcd-v2"),
        `ETCDCTL_API=2 ${head} ${v2} /k`,
      );
    });
  }
});

Deno.test("etcdctl() asks for the cluster's health without a key", () => {
  const head = "etcdctl --endpoints=http://127.0.0.1:2379";
  assert.equal(etcdctl(V2, "health"), `ETCDCTL_API=2 ${head} cluster-health`);
  assert.equal(etcdctl(V3, "health"), `ETCDCTL_API=3 ${head} endpoint health`);
});

Deno.test("etcdctl() gives certificates and user as each API calls them", () => {
  const tls = {
    etcdEndpoints: ["https://a:2379", "https://b:2379"],
    etcdCafile: "/c/ca.pem",
    etcdCertfile: "/c/my cert.pem",
    etcdKeyfile: "/c/key.pem",
    etcdUsername: "flannel",
  };
  assert.equal(
    etcdctl(given(withSettings(tls), "settings"), "get", "/k"),
    "ETCDCTL_API=2 etcdctl --endpoints=https://a:2379,https://b:2379 --ca-file=/c/ca.pem --cert-file='/c/my cert.pem' --key-file=/c/key.pem --username=flannel get /k",
  );
  assert.equal(
    etcdctl(
      given(withSettings({ ...tls, store: "etcd-v3" }), "settings"),
      "get",
      "/k",
    ),
    "ETCDCTL_API=3 etcdctl --endpoints=https://a:2379,https://b:2379 --cacert=/c/ca.pem --cert='/c/my cert.pem' --key=/c/key.pem --user=flannel get /k",
  );
});

Deno.test("etcdctl() quotes keys of dual stack and values", () => {
  const line = etcdctl(V2, "put", "/s/10.5.1.0-24&fd00::-64", '{"a":"it\'s"}');
  assert.equal(
    line,
    `ETCDCTL_API=2 etcdctl --endpoints=http://127.0.0.1:2379 set '/s/10.5.1.0-24&fd00::-64' '{"a":"it'\\''s"}'`,
  );
});

Deno.test("configKey() and leaseKey() take a prefix with or without its last slash", () => {
  const other = given(withSettings({ etcdPrefix: "/a/b/" }), "settings");
  assert.equal(configKey(V2), "/coreos.com/network/config");
  assert.equal(configKey(other), "/a/b/config");
  assert.equal(leaseKey(other, "10.5.1.0-24"), "/a/b/subnets/10.5.1.0-24");
});

Deno.test("leaseLine() writes a lease as the release in use does", () => {
  const key = "/coreos.com/network/subnets/10.5.1.0-24";
  const head = '{"PublicIP":"10.0.0.1",';
  const tail =
    '"BackendType":"vxlan","BackendData":{"VtepMAC":"02:00:00:00:00:01"}}';
  assert.equal(leaseLine(V2, LEASE), `${key} ${head}${tail}`);
  assert.equal(leaseLine(V3, LEASE), `${key} ${head}"PublicIPv6":null,${tail}`);
  const kubernetes = given(withSettings({ store: "kubernetes" }), "settings");
  assert.match(leaseLine(kubernetes, LEASE), /^10\.5\.1\.0-24 /);
});

Deno.test("recordLine() shows what is there, on one line", () => {
  assert.equal(
    recordLine(V2, { key: "x", value: "a\n\u001b b", ttl: null }),
    "/coreos.com/network/subnets/x a ? b",
  );
});
