import assert from "node:assert/strict";
import {
  dockerOptions,
  parseDaemonJson,
  parseDockerArgv,
} from "./docker_options.ts";

Deno.test("parseDockerArgv() reads long, short and joined flags", async (t) => {
  const cases: readonly (readonly [string, Record<string, string[]>])[] = [
    ["--bip=172.7.21.1/24", { bip: ["172.7.21.1/24"] }],
    ["--bip 172.7.21.1/24 --mtu=1450", {
      bip: ["172.7.21.1/24"],
      mtu: ["1450"],
    }],
    ["-H fd:// -Hunix:///a --host=tcp://0.0.0.0:2375", {
      host: ["fd://", "unix:///a", "tcp://0.0.0.0:2375"],
    }],
    ["--ip-masq=false --iptables", {
      "ip-masq": ["false"],
      iptables: ["true"],
    }],
    ["daemon -b br0", { bridge: ["br0"] }],
    ["--log-level warn --bip=1.2.3.4/24", { bip: ["1.2.3.4/24"] }],
  ];
  for (const [text, wanted] of cases) {
    await t.step(text, () => {
      const flags = parseDockerArgv(["dockerd", ...text.split(" ")]);
      assert.deepEqual(Object.fromEntries(flags), wanted);
    });
  }
});

Deno.test("parseDaemonJson() is empty for what is no JSON object", () => {
  assert.deepEqual(parseDaemonJson('{"mtu":1450}'), { mtu: 1450 });
  for (const text of [null, "", "[1]", "{", "null", '"a"']) {
    assert.deepEqual(parseDaemonJson(text), {}, String(text));
  }
});

Deno.test("dockerOptions() says where each option comes from", () => {
  const options = dockerOptions(
    ["dockerd", "--bip=172.7.21.1/24", "--ip-masq=f"],
    { mtu: 1450, "live-restore": true, iptables: "maybe", hosts: ["fd://", 1] },
  );
  assert.deepEqual(options, {
    bip: { value: "172.7.21.1/24", source: "argv" },
    ipMasq: { value: false, source: "argv" },
    mtu: { value: 1450, source: "daemon.json" },
    liveRestore: { value: true, source: "daemon.json" },
    hosts: ["fd://"],
  });
});
