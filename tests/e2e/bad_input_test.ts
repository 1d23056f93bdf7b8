/**
 * Bad input, given to the whole of flandoc on a real network: one cause gives
 * one finding, what was not looked at is never ok, the exit status is the same
 * in every format, and nobody ever reads a stack trace.
 *
 * @module
 */
import "../support/preload.ts";
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import {
  flandocCommand,
  type Lab,
  labDown,
  labExec,
  labUp,
  nodeCommand,
  onInterrupt,
} from "../../lab/mod.ts";
import { needs } from "../support/needs.ts";
import { ODD_PORTS } from "../support/odd_endpoints.ts";
import {
  failedCodes,
  type ReportDocument,
  sentences,
} from "../support/report.ts";

const PROGRAMS = [
  "etcd",
  "etcdctl",
  "iptables",
  "nft",
  "ip",
  "openssl",
  "setpriv",
];

/**
 * No check may take longer than an ordinary one and this, whatever hangs, on a
 * machine at rest; milliseconds.
 */
const LIMIT_MS = 8000;

/** What the checks took, so that others' work on the machine is allowed for. */
const times: number[] = [];

function limitMs(): number {
  const last = times.slice(-9).sort((a, b) => a - b);
  const median = last[last.length >> 1] ?? 0;
  return LIMIT_MS + 8 * median;
}

const OUTPUTS = ["text", "short", "json", "junit", "sarif"];
const CERTS = "/opt/flannel/cert";
const SUBNET_ENV = "/run/flannel/subnet.env";
const HOST = "172.26.216.11";

interface Case {
  readonly name: string;
  /** Shell, before; `$1` and on are not set. */
  readonly break?: string;
  /** flandoc's words after `check`. */
  readonly args?: string;
  readonly restore?: string;
  /** Codes with an error or a warning: these, and no other. */
  readonly failed: readonly string[];
  /** Some of the codes that must be unknown. */
  readonly unknown?: readonly string[];
  /** What the findings and reasons must say. */
  readonly says?: RegExp;
  /** @default 1 when something failed, else 0 */
  readonly code?: number;
}

interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly elapsedMs: number;
}

async function shell(lab: Lab, script: string, on = "node-1"): Promise<Run> {
  const start = performance.now();
  const output = await labExec(lab, on, ["sh", "-c", script]);
  const elapsedMs = performance.now() - start;
  const all = output.stdout + output.stderr;
  assert.doesNotMatch(all, /^\s+at \S.*:\d+:\d+/m, script);
  return { ...output, elapsedMs };
}

async function prepare(lab: Lab, script: string | undefined): Promise<void> {
  if (script === undefined) return;
  const { code, stderr } = await shell(lab, `set -e; ${script}`);
  assert.equal(code, 0, stderr);
}

function reportOf({ stdout, stderr }: Run): ReportDocument {
  try {
    return JSON.parse(stdout);
  } catch {
    throw new Error(`Cannot read the report: ${stdout.slice(0, 300)}${stderr}`);
  }
}

/** Whatever happened, no report may claim what nobody can stand for. */
function assertSane(run: Run, report: ReportDocument, name: string): void {
  const limit = limitMs();
  times.push(run.elapsedMs);
  assert(
    run.elapsedMs < limit,
    `${name}: ${Math.round(run.elapsedMs)} of ${Math.round(limit)} ms`,
  );
  const crashed = report.checks.filter(({ verdict }) => verdict === "crashed");
  assert.deepEqual(crashed, []);
  for (const { code, verdict, reason, findings } of report.checks) {
    const silent = verdict === "unknown" || verdict === "skipped";
    assert.equal(reason !== null, silent, `${code} ${verdict}: ${reason}`);
    assert.equal(findings.length > 0, verdict === "failed", code);
  }
}

function grave(report: ReportDocument): string[] {
  const codes = failedCodes(report);
  return codes.filter((code) =>
    report.checks.find((check) => check.code === code)?.findings
      .some(({ severity }) => severity !== "info")
  );
}

async function assertCase(
  lab: Lab,
  each: Case,
  program = "flandoc",
): Promise<void> {
  await prepare(lab, each.break);
  try {
    const words = `check -o json ${each.args ?? ""}`;
    const run = await shell(lab, `${program} ${words}`);
    const report = reportOf(run);
    assertSane(run, report, each.name);
    assert.deepEqual(grave(report), each.failed, sentences(report));
    const wanted = each.code ?? (each.failed.length > 0 ? 1 : 0);
    assert.equal(run.code, wanted, sentences(report));
    for (const code of each.unknown ?? []) {
      const found = report.checks.find((check) => check.code === code);
      assert.equal(found?.verdict, "unknown", `${code}: ${found?.reason}`);
    }
    if (each.says) {
      const reasons = report.checks.map(({ reason }) => reason).join("\n");
      assert.match(`${sentences(report)}\n${reasons}`, each.says);
    }
  } finally {
    await prepare(lab, each.restore);
  }
}

async function assertFormats(lab: Lab, args: string, code: number) {
  for (const output of OUTPUTS) {
    const run = await shell(lab, `flandoc check -o ${output} ${args}`);
    assert.equal(run.code, code, `${output}: ${run.stderr}`);
    assert.notEqual(run.stdout, "", output);
    if (output === "json" || output === "sarif") JSON.parse(run.stdout);
    if (output === "junit") {
      assert.match(run.stdout, /^<\?xml .*<\/testsuites>/s);
    }
  }
}

async function steps(
  t: Deno.TestContext,
  lab: Lab,
  cases: readonly Case[],
  program?: string,
): Promise<void> {
  for (const each of cases) {
    await t.step(each.name, () => assertCase(lab, each, program));
  }
}

/** Breaks a file of the host and puts it back, mode and all. */
function file(path: string, script: string): Pick<Case, "break" | "restore"> {
  return {
    break: `cp -p ${path} /opt/kept; rm ${path}; ${script}`,
    restore: `rm -rf ${path}; cp -p /opt/kept ${path}`,
  };
}

const CERTIFICATES: readonly Case[] = [
  {
    name: "CA file missing",
    ...file(`${CERTS}/ca.pem`, ":"),
    failed: ["FD202"],
    says: /ca\.pem cannot be used: No such file/,
  },
  {
    name: "CA file that is not PEM",
    ...file(`${CERTS}/ca.pem`, `echo hello >${CERTS}/ca.pem`),
    failed: ["FD202"],
    says: /holds no PEM certificate/,
  },
  {
    name: "empty client certificate",
    ...file(`${CERTS}/client.pem`, `: >${CERTS}/client.pem`),
    failed: ["FD202"],
  },
  {
    name: "binary client certificate",
    ...file(
      `${CERTS}/client.pem`,
      `head -c 3000 /dev/urandom >${CERTS}/client.pem`,
    ),
    failed: ["FD202"],
  },
  {
    name: "key of another certificate",
    ...file(
      `${CERTS}/client-key.pem`,
      `openssl ecparam -name prime256v1 -genkey -noout -out ${CERTS}/client-key.pem; chmod 600 ${CERTS}/client-key.pem`,
    ),
    failed: ["FD202"],
    says: /key does not belong to the client certificate/,
  },
  {
    name: "key with a passphrase",
    ...file(
      `${CERTS}/client-key.pem`,
      `openssl pkey -aes128 -passout pass:abcd -in /opt/kept -out ${CERTS}/client-key.pem; chmod 600 ${CERTS}/client-key.pem`,
    ),
    failed: ["FD202"],
    says: /encrypted/,
  },
  {
    name: "key that is a directory",
    ...file(`${CERTS}/client-key.pem`, `mkdir ${CERTS}/client-key.pem`),
    failed: ["FD202"],
    says: /Is a directory/,
  },
  {
    name: "a CA of somebody else",
    ...file(
      `${CERTS}/ca.pem`,
      `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout /opt/other-key -out ${CERTS}/ca.pem -subj /CN=other -days 2 2>/dev/null`,
    ),
    failed: ["FD202"],
    says: /not by the CA in/,
  },
  {
    name: "no client certificate",
    args: "--etcd-certfile= --etcd-keyfile=",
    failed: ["FD201"],
    says: /asks for a client certificate, and none is configured/,
  },
];

/** Endpoints that are not etcd, or not as they are asked. */
const ENDPOINTS: readonly Case[] = [
  {
    name: "plain HTTP to TLS",
    args: "--etcd-endpoints=http://172.26.216.2:2379",
    failed: ["FD201"],
    says: /needs https:/,
  },
  {
    name: "TLS to plain HTTP",
    args: `--etcd-endpoints=https://${HOST}:${ODD_PORTS.html}`,
    failed: ["FD201"],
    says: /needs http:/,
  },
  ...(["html", "json", "likeEtcd", "forbidden", "endless", "ssh"] as const).map(
    (kind) => ({
      name: kind,
      args: `--etcd-endpoints=http://${HOST}:${ODD_PORTS[kind]}`,
      failed: ["FD201"],
      says: /is not etcd/,
    }),
  ),
  {
    name: "closes at once",
    args: `--etcd-endpoints=http://${HOST}:${ODD_PORTS.closing}`,
    failed: ["FD201"],
    says: /hangs up without an answer/,
  },
  {
    name: "accepts and never answers",
    args: `--etcd-endpoints=https://${HOST}:${ODD_PORTS.silent}`,
    failed: ["FD201"],
    says: /answers in time/,
  },
  {
    name: "each endpoint bad in its own way",
    args: `--etcd-endpoints=${
      [
        `http://${HOST}:${ODD_PORTS.silent}`,
        `http://${HOST}:${ODD_PORTS.slow}`,
        `http://${HOST}:${ODD_PORTS.endless}`,
        "http://172.26.216.99:2379",
        `http://${HOST}:1`,
      ].join(",")
    }`,
    failed: ["FD201"],
    says: /each for its own reason/,
  },
  {
    name: "no URL at all",
    args: "--etcd-endpoints='%%%,:::'",
    failed: ["FD201"],
  },
];

/** A network config as it may stand in etcd, written through v2's API. */
function config(name: string, text: string, more: Partial<Case>): Case {
  return {
    name: `config: ${name}`,
    break: writeKey("config", `printf '%b' '${text.replaceAll("'", "\\047")}'`),
    restore: writeKey("config", "cat /opt/config"),
    failed: ["FD102"],
    ...more,
  };
}

const KEYS = "/coreos.com/network";

/** etcdctl reads any bytes from its input, but no empty value. */
function writeKey(key: string, print: string): string {
  const set = `etcdctl set '${KEYS}/${key}'`;
  return `${print} >/opt/value; if [ -s /opt/value ]; then ${set} </opt/value; else ${set} ''; fi >/opt/said`;
}

function deleteKey(key: string): string {
  return `etcdctl rm '${KEYS}/${key}' >/opt/said`;
}

const NETWORK = '"Network": "172.7.0.0/16"';
const CONFIGS: readonly Case[] = [
  config("no JSON", "not json", { says: /is not JSON/ }),
  config("an array", "[]", { says: /not an object in braces/ }),
  config("null", "null", {}),
  config("numbers as strings", `{${NETWORK}, "SubnetLen": "24"}`, {
    says: /SubnetLen has a value of the wrong kind, "24"/,
  }),
  config("smart quotes", "{“Network”: “172.7.0.0/16”}", {
    says: /typographic quote/,
  }),
  config("single quotes", "{'Network': '172.7.0.0/16'}", {
    says: /single quote/,
  }),
  config("a comma too many", `{${NETWORK},}`, { says: /comma before }/ }),
  config("nothing", "", { failed: ["FD101"] }),
  config("binary", "\\0000\\0001\\0377\\0376", {}),
  {
    ...config("1 MB", "", { failed: ["FD104"], code: 0 }),
    break: writeKey(
      "config",
      `{ printf '{${NETWORK}, "Backend": {"Type": "host-gw"}, "X": "'; head -c 1000000 /dev/zero | tr '\\0' a; printf '"}'; }`,
    ),
  },
];

const GARBAGE: Readonly<Record<string, string>> = {
  "garbage": "x",
  "172.7.99.0-24": "not json",
  "172.7.98.0-24": "\\0000\\0001\\0377\\0376",
  "172.7.97.0-99": "{}",
  "999.7.97.0-24": '{"PublicIP":"1.2.3.4"}',
  "172.7.96.0-24": "[]",
  "172.7.95.0-24": '{"PublicIP":"300.1.1.1"}',
  "172.7.93.0-24": "",
  "172.7.92.0-24": "null",
  "172.7.91.0-24": '{"PublicIP":5}',
  "\x1b[31mred": "{}",
};

const LEASES: readonly Case[] = [{
  name: "leases: garbage",
  break: Object.entries(GARBAGE).map(([key, value]) =>
    writeKey(`subnets/${key}`, `printf '%b' '${value}'`)
  ).join("; "),
  restore: Object.keys(GARBAGE).map((key) => deleteKey(`subnets/${key}`))
    .join("; "),
  failed: ["FD206"],
  says: /11 keys below .* are no leases/,
}];

function subnetEnv(
  name: string,
  script: string,
  more: Partial<Case> = {},
): Case {
  return {
    name: `subnet.env: ${name}`,
    ...file(SUBNET_ENV, script),
    failed: ["FD302"],
    ...more,
  };
}

const SUBNET_ENVS: readonly Case[] = [
  subnetEnv("quotes", `sed 's/=\\(.*\\)/="\\1"/' /opt/kept >${SUBNET_ENV}`, {
    failed: [],
    says: /have quotes/,
  }),
  subnetEnv("CRLF", `sed 's/$/\\r/' /opt/kept >${SUBNET_ENV}`, {
    says: /4 lines .* end with a carriage return/,
  }),
  subnetEnv("missing lines", `head -2 /opt/kept >${SUBNET_ENV}`, {
    says: /FLANNEL_MTU, FLANNEL_IPMASQ are missing/,
  }),
  subnetEnv("empty", `: >${SUBNET_ENV}`),
  subnetEnv("binary", `head -c 5000 /dev/urandom >${SUBNET_ENV}`),
  subnetEnv(
    "two networks",
    `sed 's/^FLANNEL_NETWORK=.*/&,172.8.0.0\\/16/' /opt/kept >${SUBNET_ENV}`,
    { failed: [], says: /several networks/ },
  ),
  subnetEnv("a directory", `mkdir ${SUBNET_ENV}`, {
    failed: ["FD301"],
    says: /is a directory/,
  }),
  subnetEnv("a link to itself", `ln -s ${SUBNET_ENV} ${SUBNET_ENV}`, {
    failed: ["FD301"],
  }),
  subnetEnv("a pipe", `mkfifo ${SUBNET_ENV}`),
  subnetEnv("endless", `ln -s /dev/zero ${SUBNET_ENV}`, { failed: ["FD301"] }),
];

const NAT = ["FD601", "FD602", "FD603", "FD604", "FD605", "FD606"];

/** Hides programs: an overlay over their directory, in this host alone. */
function without(...programs: string[]): Pick<Case, "break" | "restore"> {
  const paths = programs.map((name) => `/usr/sbin/${name}*`).join(" ");
  return {
    break:
      `mkdir -p /run/upper /run/work; mount -t overlay overlay /usr/sbin -o lowerdir=/usr/sbin,upperdir=/run/upper,workdir=/run/work; rm -f ${paths}`,
    restore: "umount /usr/sbin; rm -rf /run/upper /run/work",
  };
}

const FIREWALLS: readonly Case[] = [
  {
    name: "nft only",
    ...without("iptables", "ip6tables", "xtables"),
    failed: [],
  },
  {
    name: "neither iptables nor nft",
    ...without("iptables", "ip6tables", "xtables", "nft"),
    failed: [],
    unknown: NAT,
  },
  {
    name: "iptables that fails",
    ...without("nothing"),
    break: `${without("iptables", "xtables").break}; ` +
      "printf '#!/bin/sh\\nexit 4\\n' >/usr/sbin/iptables-nft-save; " +
      "chmod +x /usr/sbin/iptables-nft-save",
    failed: [],
    unknown: NAT,
    says: /exit status 4/,
  },
  {
    name: "iptables that hangs",
    ...without("nothing"),
    break: `${without("iptables", "xtables").break}; ` +
      "printf '#!/bin/sh\\nexec sleep 600\\n' >/usr/sbin/iptables-nft-save; " +
      "chmod +x /usr/sbin/iptables-nft-save",
    failed: [],
    unknown: NAT,
  },
];

/** Starts what is no etcd on node-1; ends with the lab. */
async function startOddEndpoints(lab: Lab): Promise<Deno.ChildProcess> {
  const script = fileURLToPath(
    new URL("../support/odd_endpoints.ts", import.meta.url),
  );
  const node = lab.plan.nodes.find(({ name }) => name === "node-1");
  assert(node);
  const words = [Deno.execPath(), "run", "-A", "--no-config", script, HOST];
  const [program = "", ...args] = nodeCommand(lab.plan, node, words);
  const child = new Deno.Command(program, {
    args,
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  assert.match(new TextDecoder().decode(value), /listening/);
  await reader.cancel();
  return child;
}

/**
 * flandoc for a user who may not enter root's directories: program, sources
 * and the runtime's cache are mounted where everybody can read them.
 */
async function commandOfNobody(lab: Lab): Promise<string> {
  const root = fileURLToPath(new URL("../../", import.meta.url));
  const [program = "", ...words] = flandocCommand();
  const info = new Deno.Command(Deno.execPath(), { args: ["info", "--json"] });
  const { denoDir } = JSON.parse(
    new TextDecoder().decode((await info.output()).stdout),
  );
  await prepare(
    lab,
    `touch /opt/program; mount --bind ${program} /opt/program; ` +
      `mkdir /opt/source /opt/cache; mount --bind ${root} /opt/source; ` +
      `mount --bind ${denoDir} /opt/cache`,
  );
  return [
    "cd / && setpriv --reuid=65534 --regid=65534 --clear-groups",
    "--inh-caps=-all env HOME=/nonexistent DENO_DIR=/opt/cache /opt/program",
    ...words.map((word) => word.replaceAll(root, "/opt/source/")),
  ].join(" ");
}

const NOBODY: readonly Case[] = [
  {
    name: "an ordinary user, key for root only",
    failed: [],
    unknown: ["FD201", "FD202", ...NAT],
    says: /client-key\.pem": Permission denied, which takes root/,
  },
  {
    name: "an ordinary user, key for all",
    break: `chmod 644 ${CERTS}/client-key.pem`,
    restore: `chmod 600 ${CERTS}/client-key.pem`,
    failed: ["FD202"],
    code: 0,
    unknown: [...NAT, "FD501", "FD502", "FD503", "FD504"],
    says: /takes root/,
  },
  {
    name: "an ordinary user, subnet.env for root only",
    break: `chmod 600 ${SUBNET_ENV}`,
    restore: `chmod 644 ${SUBNET_ENV}`,
    args: "--only FD301,FD302,FD305,FD701",
    failed: [],
    unknown: ["FD301", "FD302", "FD305"],

    says: /Permission denied/,
  },
];

async function members(lab: Lab, signal: string, names: string[]) {
  for (const name of names) {
    await shell(lab, `kill -${signal} $(cat /run/etcd.pid)`, name);
  }
}

/** The member that hangs may have led: waits for another to be elected. */
async function waitForLeader(lab: Lab): Promise<void> {
  const endpoint = "--endpoints=https://172.26.216.2:2379";
  const set = `timeout 1 etcdctl ${endpoint} set /elected yes >/opt/said 2>&1`;
  const wait =
    `for i in $(seq 300); do ${set} && exit; sleep 0.1; done; exit 1`;
  const { code } = await shell(lab, wait);
  assert.equal(code, 0, "no leader within half a minute");
}

async function checkMembers(t: Deno.TestContext, lab: Lab): Promise<void> {
  await t.step("one of three members hangs", async () => {
    await members(lab, "STOP", ["etcd-2"]);
    try {
      await waitForLeader(lab);
      await assertCase(lab, {
        name: "one member",
        failed: ["FD203"],
        code: 0,
        says: /172\.26\.216\.3/,
      });
    } finally {
      await members(lab, "CONT", ["etcd-2"]);
      await waitForLeader(lab);
    }
  });
  await t.step("half of the endpoints down", async () => {
    await assertCase(lab, {
      name: "half",
      args:
        "--etcd-endpoints=https://172.26.216.2:2379,https://172.26.216.3:2379,https://172.26.216.98:2379,https://172.26.216.99:2379",
      failed: ["FD203"],
      code: 0,
    });
  });
  await t.step("all members hang", async () => {
    const all = ["etcd-1", "etcd-2", "etcd-3"];
    await members(lab, "STOP", all);
    try {
      await assertCase(lab, { name: "all", failed: ["FD201"] });
    } finally {
      await members(lab, "CONT", all);
      await waitForLeader(lab);
    }
  });
}

async function checkPipes(t: Deno.TestContext, lab: Lab): Promise<void> {
  await t.step("a reader that goes away", async () => {
    for (const words of ["check -o json", "snapshot", "explain"]) {
      const run = await shell(lab, `flandoc ${words} | head -c 20`);
      assert.equal(run.stderr, "", words);
      assert.equal(run.stdout.length, 20);
    }
  });
  await t.step("a full disk", async () => {
    const run = await shell(lab, "flandoc check -o short >/dev/full");
    assert.equal(run.code, 3);
    assert.match(run.stderr, /^Cannot write the output: No space left .*\n$/);
  });
  await t.step("snapshot -f /dev/stdout leaves the device there", async () => {
    const run = await shell(
      lab,
      "flandoc snapshot --no-probe -f /opt/link-to-stdout",
    );
    assert.equal(run.code, 0);
    await prepare(lab, "ln -s /opt/document /opt/a-link; : >/opt/document");
    await prepare(lab, "flandoc snapshot --no-probe -f /opt/a-link");
    await prepare(lab, "test -L /opt/a-link && test -s /opt/document");
  });
}

async function checkSelection(t: Deno.TestContext, lab: Lab): Promise<void> {
  const verdicts = async (args: string) => {
    const report = reportOf(await shell(lab, `flandoc check -o json ${args}`));
    return Object.fromEntries(
      report.checks.map(({ code, verdict }) => [code, verdict]),
    );
  };
  await t.step("--only", async () => {
    const found = await verdicts("--only FD601,route-missing");
    const judged = Object.entries(found).filter(([, v]) => v !== "skipped");
    assert.deepEqual(judged, [["FD401", "ok"], ["FD601", "ok"]]);
  });
  await t.step("--skip", async () => {
    const found = await verdicts("--skip FD601");
    assert.equal(found.FD601, "skipped");
    assert.equal(found.FD401, "ok");
  });
  await t.step("no colour in a pipe, nor with NO_COLOR", async () => {
    // deno-lint-ignore no-control-regex
    const ansi = /\u001b\[\d+m/;
    const plain = await shell(lab, "flandoc check --only FD601");
    assert.doesNotMatch(plain.stdout, ansi);
    const given = await shell(lab, "flandoc check --only FD601 --color");
    assert.match(given.stdout, ansi);
    const never = await shell(
      lab,
      "NO_COLOR=1 script -qec 'flandoc check --only FD601' /dev/null",
    );
    assert.doesNotMatch(never.stdout, ansi);
  });
  await t.step("LANG=zh_CN.UTF-8 and --lang", async () => {
    const args = "--only FD201 --etcd-endpoints=http://172.26.216.11:1";
    const chinese = await shell(
      lab,
      `LANG=zh_CN.UTF-8 LC_ALL= flandoc check ${args}`,
    );
    assert.match(chinese.stdout, /etcd 端点/);
    const english = await shell(
      lab,
      `LANG=zh_CN.UTF-8 flandoc check --lang en ${args}`,
    );
    assert.match(english.stdout, /No etcd endpoint/);
  });
}

Deno.test({
  name: "bad input gives findings, reasons and sentences",
  ...needs({ netns: true, programs: PROGRAMS }),
  // What serves odd endpoints ends with the lab.
  sanitizeResources: false,
  async fn(t) {
    const name = `bad-${crypto.randomUUID().slice(0, 8)}`;
    let odd: Deno.ChildProcess | undefined;
    try {
      const lab = await onInterrupt((signal) =>
        labUp({ name, hosts: 2, etcd: { tls: true, members: 3 } }, { signal })
      );
      odd = await startOddEndpoints(lab);
      await prepare(lab, `etcdctl get /coreos.com/network/config >/opt/config`);
      await assertCase(lab, { name: "healthy", failed: [] });
      // Agents mend files and react to configs: what is judged is the input.
      for (const node of ["node-1", "node-2"]) {
        await shell(lab, "kill -STOP $(cat /run/flanneld.pid)", node);
      }
      await steps(t, lab, [
        ...CERTIFICATES,
        ...ENDPOINTS,
        ...CONFIGS,
        ...LEASES,
        ...SUBNET_ENVS,
        ...FIREWALLS,
      ]);
      await checkMembers(t, lab);
      await checkPipes(t, lab);
      await checkSelection(t, lab);
      const program = await commandOfNobody(lab);
      await steps(t, lab, NOBODY, program);
      await t.step("the exit status is that of every format", async () => {
        await assertFormats(lab, "", 0);
        await assertFormats(lab, `--etcd-endpoints=http://${HOST}:1`, 1);
        await assertFormats(lab, "--no-probe --strict", 1);
      });
      await t.step(
        "still healthy at the end",
        () => assertCase(lab, { name: "healthy", failed: [] }),
      );
    } finally {
      await labDown(name);
      await odd?.status;
    }
  },
});
