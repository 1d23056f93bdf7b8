import assert from "node:assert/strict";
import { cpuTime } from "../tests/support/cpu_time.ts";
import {
  isSecretName,
  maskArgv,
  maskEnvironment,
  maskText,
  maskUrls,
} from "./secrets.ts";

Deno.test("isSecretName() knows secrets from names of files", async (t) => {
  const cases: readonly (readonly [string, boolean])[] = [
    ["etcd-password", true],
    ["FLANNELD_ETCD_PASSWORD", true],
    ["AccessKeySecret", true],
    ["PSK", true],
    ["splunk-token", true],
    ["auth", true],
    ["ACCESS_KEY", true],
    ["etcd-keyfile", false],
    ["etcd-cafile", false],
    ["key", false],
    ["PublicKey", false],
    ["etcd-username", false],
  ];
  for (const [name, secret] of cases) {
    await t.step(name, () => assert.equal(isSecretName(name), secret));
  }
});

Deno.test("maskUrls() hides the password and keeps user and host", () => {
  assert.equal(
    maskUrls("https://root:s3cr@t@10.0.0.1:2379,https://10.0.0.2:2379"),
    "https://root:***@10.0.0.1:2379,https://10.0.0.2:2379",
  );
  assert.equal(
    maskUrls("http://10.0.0.1:2379/a@b"),
    "http://10.0.0.1:2379/a@b",
  );
});

Deno.test("maskArgv() hides values of secret flags in every form", async (t) => {
  const cases: readonly (readonly [string, string])[] = [
    ["--etcd-password=x1", "--etcd-password=***"],
    ["-etcd-password x1", "-etcd-password ***"],
    ["--etcd-password x1 --iface eth0", "--etcd-password *** --iface eth0"],
    ["--etcd-keyfile=./key.pem", "--etcd-keyfile=./key.pem"],
    ["--log-opt splunk-token=x1", "--log-opt splunk-token=***"],
    ["--log-opt=splunk-token=x1", "--log-opt=splunk-token=***"],
    ["--etcd-endpoints=http://u:p@h:1", "--etcd-endpoints=http://u:***@h:1"],
  ];
  for (const [given, wanted] of cases) {
    await t.step(given, () => {
      assert.equal(maskArgv(given.split(" ")).join(" "), wanted);
    });
  }
});

Deno.test("maskEnvironment() hides secrets by name and passwords in URLs", () => {
  assert.deepEqual(
    maskEnvironment({
      FLANNELD_ETCD_PASSWORD: "x1",
      FLANNELD_ETCD_ENDPOINTS: "http://u:x1@h:1",
      FLANNELD_ETCD_PREFIX: "/coreos.com/network",
    }),
    {
      FLANNELD_ETCD_PASSWORD: "***",
      FLANNELD_ETCD_ENDPOINTS: "http://u:***@h:1",
      FLANNELD_ETCD_PREFIX: "/coreos.com/network",
    },
  );
});

Deno.test("maskText() hides secrets of file texts", async (t) => {
  const cases:
    readonly (readonly [name: string, text: string, wanted: string])[] = [
      [
        "daemon.json",
        '{"auths": {"r.example": {"auth": "dXNlcjpwdw=="}}, "mtu": 1450}',
        '{"auths": {"r.example": {"auth": "************"}}, "mtu": 1450}',
      ],
      [
        "a network config keeps the key's length",
        '{"Network":"10.5.0.0/16","Backend":{"Type":"ipsec","PSK":"abcdef"}}',
        '{"Network":"10.5.0.0/16","Backend":{"Type":"ipsec","PSK":"******"}}',
      ],
      [
        "Environment=",
        'Environment="FLANNELD_ETCD_PASSWORD=x1" A=b',
        'Environment="FLANNELD_ETCD_PASSWORD=***" A=b',
      ],
      [
        "ExecStart=",
        "ExecStart=/opt/flanneld --etcd-password x1 --iface eth0",
        "ExecStart=/opt/flanneld --etcd-password *** --iface eth0",
      ],
      [
        "quoted value",
        "ETCD_PASSWORD='x 1'\nB=c",
        "ETCD_PASSWORD=***\nB=c",
      ],
      ["a header", "Authorization: Basic dXNlcg==", "Authorization: Basic ***"],
      [
        "a private key",
        "-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----\n***\n-----END RSA PRIVATE KEY-----",
      ],
      [
        "a rule",
        "-A POSTROUTING -s 10.5.1.0/24 ! -o docker0 -j MASQUERADE",
        "-A POSTROUTING -s 10.5.1.0/24 ! -o docker0 -j MASQUERADE",
      ],
    ];
  for (const [name, text, wanted] of cases) {
    await t.step(name, () => assert.equal(maskText(text), wanted));
  }
});

Deno.test("maskText() takes time in proportion to the text", async (t) => {
  // A config of one megabyte once kept a whole check busy for minutes.
  const size = 1 << 20;
  const cases = {
    "one word": "a".repeat(size),
    "dots": "a.".repeat(size / 2),
    "dashes": "a-".repeat(size / 2),
    "quotes": '"'.repeat(size),
    "urls": "http://a:".repeat(size / 9),
    "a header's blanks": `authorization:${" ".repeat(size)}x`,
    "keys": "-----BEGIN PRIVATE KEY-----\n".repeat(size / 28),
  };
  for (const [name, text] of Object.entries(cases)) {
    await t.step(name, () => {
      const elapsed = cpuTime(() => void maskText(text));
      assert(elapsed < 2000, `${elapsed} ms`);
    });
  }
});
