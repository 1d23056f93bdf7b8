import { dockerMasquerades } from "../../flannel/firewall/mod.ts";
import { valueOf } from "../../snapshot/fact.ts";
import type {
  DockerFacts,
  Facts,
  PersistenceFacts,
  ProcessFacts,
} from "../../snapshot/facts.ts";
import { defineCheck, type Evidence, type Finding } from "../check.ts";
import { shellQuote } from "../shell_quote.ts";
import { flannelIssue, githubIssue } from "../sources.ts";
import {
  backendName,
  NO_SUBNET,
  overlaysOf,
  ruleLine,
  SUBNET_CAUSES,
  unlessSubnet,
} from "./overlay.ts";
import {
  keeper,
  type Repair,
  repairIn,
  type Survival,
  survivalOf,
} from "./repair_holders.ts";

const DIRECTORY = "/etc/systemd/system/docker.service.d";

/** Drop-in that repairs the rule whenever Docker has started. */
const DROP_IN = `${DIRECTORY}/50-flandoc-snat.conf`;

/** A repair that fails, as with etcd away at boot, must not stop Docker. */
const DROP_IN_COMMANDS: readonly string[] = [
  `mkdir -p ${DIRECTORY}`,
  `printf '[Service]\\nExecStartPost=-/usr/local/bin/flandoc fix --snat --yes\\n' > ${DROP_IN}`,
  "systemctl daemon-reload",
];

/** Files in the form of iptables-save; any other would be destroyed by it. */
const SAVED = {
  4: [
    "/etc/sysconfig/iptables",
    "/etc/iptables/rules.v4",
    "/etc/iptables/iptables.rules",
  ],
  6: [
    "/etc/sysconfig/ip6tables",
    "/etc/iptables/rules.v6",
    "/etc/iptables/ip6tables.rules",
  ],
} as const;

/** Services that restore such a file. */
const RESTORERS: readonly string[] = [
  "iptables.service",
  "netfilter-persistent.service",
  "iptables-restore.service",
];

/** No repair is in force, so that there is none to lose. */
function unlessRepair(facts: Facts): string | undefined {
  const skip = unlessSubnet(facts);
  if (skip !== undefined) return skip;
  const docker = valueOf(facts.docker);
  if (docker === null) return "no-docker";
  const netfilter = valueOf(facts.netfilter);
  const { config, node, expected, links, addresses } = facts;
  if (
    !netfilter || !("known" in config && "known" in node &&
      "known" in expected && "known" in links && "known" in addresses)
  ) return undefined;
  const overlays = overlaysOf({
    config: config.known,
    node: node.known,
    expected: expected.known,
    links: links.known,
    addresses: addresses.known,
  });
  return overlays.some((overlay) => repairIn(netfilter, overlay) !== null)
    ? undefined
    : "no-repair";
}

function foundLines(persistence: PersistenceFacts): Evidence[] {
  return [
    ...persistence.files.filter((file) => file.text !== null).map((file) => ({
      label: "file",
      text: file.path,
    })),
    ...persistence.services.map((text) => ({ label: "process", text })),
  ];
}

/** The agent as a service with the arguments it runs with. */
function serviceCommands({ argv }: ProcessFacts): string[] {
  const words = argv.slice(argv.indexOf("run") + 1).map(shellQuote);
  return [
    `flandoc run --print-unit ${
      words.join(" ")
    } > /etc/systemd/system/flandoc.service`,
    "systemctl enable flandoc",
  ];
}

/** Rules saved where a service restores them at boot. */
function saveCommands(repair: Repair, persistence: PersistenceFacts): string[] {
  const family = repair.place.family === "ip6" ? 6 : 4;
  const names: readonly string[] = SAVED[family];
  const file =
    persistence.files.find(({ path, text }) =>
      text !== null && names.includes(path)
    )?.path ?? names[0]!;
  const tool = family === 4 ? "iptables" : "ip6tables";
  const save = repair.place.backend === "iptables-legacy"
    ? `${tool}-legacy-save`
    : `${tool}-save`;
  const restored = persistence.services.some((name) =>
    RESTORERS.includes(name)
  );
  return [
    `${save} > ${file}`,
    ...restored ? [] : [
      file.startsWith("/etc/sysconfig")
        ? `systemctl enable ${tool}`
        : "systemctl enable netfilter-persistent",
    ],
  ];
}

function repairCommands(
  repair: Repair,
  survives: Survival,
  { processes, persistence }: Holders,
): readonly string[] {
  if (!survives.docker) return DROP_IN_COMMANDS;
  const agent = keeper(processes);
  return agent === null
    ? saveCommands(repair, persistence)
    : serviceCommands(agent);
}

/** What holds a repair, or does not. */
interface Holders {
  readonly docker: DockerFacts;
  readonly processes: readonly ProcessFacts[];
  readonly persistence: PersistenceFacts;
}

function passing(
  repair: Repair,
  survives: Survival,
  isUnscoped: boolean,
  holders: Holders,
): Finding {
  const { docker, persistence } = holders;
  return {
    subject: repair.place.rule.text,
    variant: survives.docker
      ? "reboot"
      : survives.reboot
      ? "docker"
      : "default",
    arguments: {
      rule: repair.place.rule.text,
      backend: backendName(repair.place),
      form: repair.form,
    },
    evidence: [
      { label: "rule", text: ruleLine(repair.place) },
      {
        label: "found",
        text:
          `dockerd --ip-masq=${docker.ipMasq.value} (${docker.ipMasq.source})`,
      },
      ...foundLines(persistence),
      ...isUnscoped || survives.docker ? [] : [{
        label: "wanted",
        text: DROP_IN,
      }],
    ],
    commands: repairCommands(repair, survives, holders),
  };
}

/** FD610: the repair of FD601 is in force and nothing holds it. */
export const REPAIR_NOT_PERSISTENT = defineCheck({
  code: "FD610",
  name: "repair-not-persistent",
  severity: "warning",
  needs: [
    "netfilter",
    "config",
    "node",
    "expected",
    "links",
    "addresses",
    "docker",
    "processes",
    "persistence",
  ],
  after: [...SUBNET_CAUSES, "FD601"],
  fix: "persist",
  applies: unlessRepair,
  judge(facts) {
    const { netfilter, docker, processes, persistence } = facts;
    if (docker === null) return [];
    const holders = { docker, processes, persistence };
    return overlaysOf(facts).flatMap((overlay) => {
      const repair = repairIn(netfilter, overlay);
      if (repair === null) return [];
      const survives = survivalOf(repair, overlay, holders);
      if (survives.docker && survives.reboot) return [];
      const isUnscoped = dockerMasquerades(netfilter, overlay)
        .some(({ form }) => form === "unscoped");
      return [passing(repair, survives, isUnscoped, holders)];
    });
  },
  text: {
    en: {
      title: "The repair of Docker's masquerade rule will not last",
      messages: {
        default:
          "Docker's masquerade rule is repaired now, and nothing holds the repair: it survives neither a restart of Docker, which puts its own rule back, nor a reboot.",
        reboot:
          "Docker's masquerade rule is repaired now; the repair survives a restart of Docker, but not a reboot.",
        docker:
          "Docker's masquerade rule is repaired now; the repair survives a reboot, but not a restart of Docker, which puts its own rule back.",
      },
      meaning:
        "Rules live in the kernel until the next boot. Docker asks at every start whether its own rule is there, word for word, and inserts it at POSTROUTING's head when it is not; the scoped rule is another one. Saved rules alone do not help: at boot they are restored first, and Docker starts afterwards. What lasts is a command after each start of Docker (a drop-in with ExecStartPost), the agent (`flandoc run --snat` as a service), or a Docker that does not masquerade at all.",
      symptoms:
        "Containers keep their addresses until Docker is upgraded or the host reboots; then FD601 is back.",
      repair: `Have the rule repaired whenever Docker starts:
  ${DROP_IN_COMMANDS.join("\n  ")}
Where dockerd runs with --ip-masq=false, saving the rules is enough:
  iptables-save > /etc/sysconfig/iptables     # RHEL, with iptables-services enabled
  iptables-save > /etc/iptables/rules.v4      # Debian, with netfilter-persistent enabled`,
      skips: {
        ...NO_SUBNET.en,
        "no-docker": "no Docker runs on this host",
        "no-repair": "no repair of Docker's rule is in force",
      },
    },
    zh: {
      title: "对 Docker 地址转换规则的修复不能持久",
      messages: {
        default:
          "Docker 的 MASQUERADE 规则目前已修复，但没有任何机制保持它：Docker 重启会把原来的规则加回来，主机重启后修复也会丢失。",
        reboot:
          "Docker 的 MASQUERADE 规则目前已修复；Docker 重启后仍然有效，但主机重启后会丢失。",
        docker:
          "Docker 的 MASQUERADE 规则目前已修复；主机重启后仍然有效，但 Docker 重启会把原来的规则加回来。",
      },
      meaning:
        "规则只存在于内核中，重启即失。Docker 每次启动都会检查自己那条规则是否一字不差地存在，不存在就插到 POSTROUTING 链的最前面；加了目的网段限制的规则在它看来是另一条规则。只保存规则没有用：开机时先恢复保存的规则，随后 Docker 才启动。能够持久的办法是：每次 Docker 启动之后执行修复命令（带 ExecStartPost 的 drop-in），由代理保持（以服务方式运行 `flandoc run --snat`），或者干脆让 Docker 不做地址转换。",
      symptoms:
        "容器的源地址一直正常，直到升级 Docker 或主机重启，FD601 又回来了。",
      repair: `让规则在 Docker 每次启动后都得到修复：
  ${DROP_IN_COMMANDS.join("\n  ")}
如果 dockerd 使用 --ip-masq=false，保存规则就够了：
  iptables-save > /etc/sysconfig/iptables     # RHEL 系，已启用 iptables-services
  iptables-save > /etc/iptables/rules.v4      # Debian 系，已启用 netfilter-persistent`,
      skips: {
        ...NO_SUBNET.zh,
        "no-docker": "本机没有运行 Docker",
        "no-repair": "目前没有对 Docker 规则的修复",
      },
    },
  },
  sources: [
    flannelIssue(117),
    flannelIssue(1592),
    githubIssue("coreos/bugs", 1439),
    "https://github.com/docker/libnetwork/pull/375",
    "https://man7.org/linux/man-pages/man5/systemd.unit.5.html",
  ],
});
