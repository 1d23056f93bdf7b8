/**
 * A systemd unit for the agent.
 *
 * @module
 */
import { FLANNELD_FLAGS } from "../flannel/flags.ts";
import type { GivenFlags } from "./options.ts";

/** Where what nobody else may read is given to the agent. */
const ENVIRONMENT_FILE = "/etc/default/flandoc";

/** Flags beside flanneld's. */
export interface UnitFlags {
  readonly snat?: boolean;
  readonly logFormat?: "text" | "json";
  readonly verbosity?: string;
}

/** A word of ExecStart, quoted as systemd.service(5) reads it. */
function word(text: string): string {
  const escaped = text.replaceAll("%", "%%").replaceAll("$", "$$$$");
  return /^[\w@%+=:,./$-]+$/.test(escaped)
    ? escaped
    : `"${escaped.replace(/[\\"]/g, (c) => `\\${c}`)}"`;
}

/** Variables of the flags that hold a secret, which anybody reads in a unit. */
function secretVariables(given: GivenFlags): Map<string, string> {
  const isSecret = (name: string, values: readonly string[]) =>
    FLANNELD_FLAGS.some((flag) => flag.name === name && flag.secret) ||
    // `http://user:password@host:2379`
    values.some((value) => /:\/\/[^/@,]*@/.test(value));
  return new Map(
    FLANNELD_FLAGS.filter(({ name }) => isSecret(name, given.get(name) ?? []))
      .filter(({ name }) => given.has(name))
      .map(({ name, env }) => [name, env]),
  );
}

/** The flags as given, but for those that go into the environment file. */
function flagWords(
  given: GivenFlags,
  flags: UnitFlags,
  secret: ReadonlyMap<string, string>,
): string[] {
  const words = [...given].flatMap(([name, values]) =>
    secret.has(name) ? [] : values.map((value) => `--${name}=${value}`)
  );
  if (flags.snat) words.push("--snat");
  if (flags.logFormat === "json") words.push("--log-format=json");
  if (flags.verbosity !== undefined) words.push(`-v=${flags.verbosity}`);
  return words;
}

/**
 * The unit of an agent with these flags, least privileges included. It starts
 * before Docker, which needs subnet.env, and is started again for ever,
 * whatever its exit status but 2: flags of the wrong form stay so. Docker wants
 * it and does not require it, or a restart of the agent would be one of every
 * container.
 *
 * @param program path of flandoc. @default where README installs it
 */
export function unitFile(
  given: GivenFlags,
  flags: UnitFlags = {},
  program = "/usr/local/bin/flandoc",
): string {
  const secret = secretVariables(given);
  const words = flagWords(given, flags, secret);
  const command = [program, "run", ...words].map(word);
  const hints = [...secret].map(([name, env]) =>
    `# --${name} holds a secret: write ${env}=... into ${ENVIRONMENT_FILE}, mode 600.\n`
  );
  return `${hints.join("")}[Unit]
Description=flandoc, the flannel agent of this host
StartLimitIntervalSec=0
After=network-online.target etcd.service
Wants=network-online.target
Before=docker.service

[Service]
Type=notify
NotifyAccess=main
ExecStart=${command.join(" \\\n  ")}
EnvironmentFile=-${ENVIRONMENT_FILE}
Restart=always
RestartSec=2
RestartPreventExitStatus=2
WatchdogSec=120
RuntimeDirectory=flannel
RuntimeDirectoryPreserve=yes
CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_RAW CAP_DAC_READ_SEARCH CAP_SYS_PTRACE
NoNewPrivileges=yes
ProtectHome=read-only
PrivateTmp=yes
LimitNOFILE=65536

[Install]
WantedBy=multi-user.target
WantedBy=docker.service
`;
}
