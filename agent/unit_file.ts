/**
 * A systemd unit for the agent.
 *
 * @module
 */
import { FLANNELD_FLAGS } from "../flannel/flags.ts";
import type { GivenFlags } from "./options.ts";

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

/** The flags as given; a password goes into an environment file instead. */
function flagWords(given: GivenFlags, flags: UnitFlags): string[] {
  const secret = new Set(
    FLANNELD_FLAGS.filter((flag) => flag.secret).map((flag) => flag.name),
  );
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
 * @param program path of flandoc
 */
export function unitFile(
  given: GivenFlags,
  flags: UnitFlags = {},
  program = "/usr/local/bin/flandoc",
): string {
  const command = [program, "run", ...flagWords(given, flags)].map(word);
  return `[Unit]
Description=flandoc, the flannel agent of this host
StartLimitIntervalSec=0
After=network-online.target etcd.service
Wants=network-online.target
Before=docker.service

[Service]
Type=notify
NotifyAccess=main
ExecStart=${command.join(" \\\n  ")}
EnvironmentFile=-/etc/default/flandoc
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
