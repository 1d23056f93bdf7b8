import assert from "node:assert/strict";
import { captureFacts, captureRawFacts } from "../tests/fixtures/capture.ts";
import { known, valueOf } from "./fact.ts";
import type { RawFacts } from "./facts.ts";
import { RAW_FACT_NAMES } from "./raw_fact_shapes.ts";
import { saveSnapshot, snapshotText, toSnapshot } from "./save.ts";

Deno.test("toSnapshot() holds raw facts and no derived ones", () => {
  const { facts } = toSnapshot(captureFacts("vxlan", "ha"));
  assert.deepEqual(Object.keys(facts).sort(), [...RAW_FACT_NAMES].sort());
  assert.ok(!("expected" in facts));
});

/** A healthy host with a secret in every place that could hold one. */
function planted(secret: string): RawFacts {
  const raw = captureRawFacts("host-gw", "ha");
  const file = (path: string, text: string) => ({
    path,
    text,
    modified: null,
    mode: 0o644,
  });
  const settings = valueOf(raw.settings);
  const docker = valueOf(raw.docker);
  const [endpoint] = valueOf(raw.endpoints) ?? [];
  const [process] = valueOf(raw.processes) ?? [];
  assert.ok(settings && docker && endpoint && process);
  return {
    ...raw,
    settings: known({
      ...settings,
      etcdEndpoints: {
        value: [`https://root:${secret}@10.0.0.1:2379`],
        source: "flag --etcd-endpoints",
      },
    }),
    endpoints: known([{
      ...endpoint,
      endpoint: `https://root:${secret}@10.0.0.1:2379`,
      error: `Cannot GET https://root:${secret}@10.0.0.1:2379/health`,
    }]),
    configRecord: known({
      key: "/coreos.com/network/config",
      text:
        `{"Network":"10.5.0.0/16","Backend":{"Type":"ipsec","PSK":"${secret}"}}`,
      otherApi: known(`{"Backend":{"PSK": "${secret}"}}`),
      nearby: [{ key: "/a", text: `{"AccessKeySecret":"${secret}"}` }],
    }),
    processes: known([
      {
        ...process,
        argv: [
          "flanneld",
          `--etcd-password=${secret}`,
          "-etcd-password",
          secret,
          `--etcd-endpoints=http://u:${secret}@h:1`,
        ],
        environment: {
          FLANNELD_ETCD_PASSWORD: secret,
          FLANNELD_ETCD_ENDPOINTS: `http://u:${secret}@h:1`,
        },
      },
    ]),
    units: known([{
      name: "flanneld.service",
      restart: null,
      active: null,
      files: [
        file(
          "/etc/systemd/system/flanneld.service",
          "[Service]\n" +
            `Environment="FLANNELD_ETCD_PASSWORD=${secret}" A=b\n` +
            `Environment=ETCD_PASSWORD=${secret}\n` +
            `ExecStart=/opt/flanneld --etcd-password ${secret} --iface=eth0\n`,
        ),
      ],
    }]),
    docker: known({
      ...docker,
      daemonJson: file(
        "/etc/docker/daemon.json",
        `{"auths":{"r.example":{"auth":"${secret}"}},` +
          `"proxies":{"http-proxy":"http://u:${secret}@proxy:3128"}}`,
      ),
      unitFiles: [
        file("/a", `Environment=HTTP_PROXY=http://u:${secret}@proxy:3128`),
      ],
    }),
    persistence: known({
      services: [],
      systemd: true,
      files: [file("/etc/nftables.conf", `# password=${secret}`)],
    }),
    subnetEnvFile: known(file("/run/flannel/subnet.env", `TOKEN=${secret}\n`)),
  };
}

Deno.test("snapshotText() holds no secret, wherever one was planted", async (t) => {
  for (const secret of ["hunter2swordfish", "Zm9vOmJhcg==", "p.a$s+w*d"]) {
    await t.step(secret, () => {
      const text = snapshotText(planted(secret));
      const at = text.indexOf(secret);
      assert.equal(at, -1, text.slice(Math.max(0, at - 80), at + 40));
      // What is no secret stays.
      assert.match(text, /--iface=eth0/);
      assert.match(text, /10\.0\.0\.1:2379/);
    });
  }
});

Deno.test("snapshotText() gives a lease a line, and 5,000 of them few bytes", () => {
  const base = captureRawFacts("host-gw", "ha");
  const [lease] = valueOf(base.leaseRecords) ?? [];
  const [route] = valueOf(base.routes) ?? [];
  assert(lease && route);
  const many = <T>(item: T) => known(Array.from({ length: 5000 }, () => item));
  const text = snapshotText({
    ...base,
    leaseRecords: many(lease),
    routes: many(route),
  });
  assert.equal(JSON.parse(text).facts.routes.known.length, 5000);
  const found = text.split("\n").filter((line) =>
    line.startsWith(`        {"key":${JSON.stringify(lease.key)}`)
  );
  assert.equal(found.length, 5000);
  assert(text.length < 3_000_000, `${text.length} bytes`);
});

Deno.test("saveSnapshot() writes a file that only its owner may read", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const path = `${directory}/a.json`;
    const raw = captureRawFacts("udp", "ha");
    await saveSnapshot(path, raw);
    assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
    assert.equal(await Deno.readTextFile(path), snapshotText(raw));
    // Again, over the first, and nothing is left beside it.
    await saveSnapshot(path, raw);
    assert.deepEqual([...Deno.readDirSync(directory)].map((e) => e.name), [
      "a.json",
    ]);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("saveSnapshot() names the file it cannot write", async () => {
  await assert.rejects(
    saveSnapshot("/no/such/directory/a.json", captureRawFacts("udp", "ha")),
    /^Error: Cannot write snapshot "\/no\/such\/directory\/a\.json": /,
  );
});

Deno.test("saveSnapshot() writes into what is no file, and leaves it there", async (t) => {
  const directory = await Deno.makeTempDir();
  const raw = captureRawFacts("udp", "ha");
  try {
    await t.step("a link, as /dev/stdout is one", async () => {
      const path = `${directory}/link`;
      await Deno.writeTextFile(`${directory}/target`, "");
      await Deno.symlink(`${directory}/target`, path);
      await saveSnapshot(path, raw);
      assert((await Deno.lstat(path)).isSymlink);
      const written = await Deno.readTextFile(`${directory}/target`);
      assert.equal(written, snapshotText(raw));
    });
    await t.step("a named pipe", async () => {
      const path = `${directory}/pipe`;
      await new Deno.Command("mkfifo", { args: [path] }).output();
      const reading = new Deno.Command("cat", { args: [path] }).output();
      await saveSnapshot(path, raw);
      const { stdout } = await reading;
      assert.equal(new TextDecoder().decode(stdout), snapshotText(raw));
      assert((await Deno.lstat(path)).isFifo);
    });
    await t.step("not into a directory", async () => {
      await assert.rejects(saveSnapshot(directory, raw), {
        message: `Cannot write snapshot "${directory}": it is a directory`,
      });
    });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
