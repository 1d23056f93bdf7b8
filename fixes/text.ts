/**
 * Words of repairs, in each language. Commands are the same in all.
 *
 * @module
 */
import type { Language } from "../checks/check.ts";

/** Sentences of one language; `{placeholders}` as in checks. */
export interface FixText {
  readonly plan: string;
  readonly nothing: string;
  readonly question: string;
  readonly declined: string;
  readonly dryRun: string;
  readonly moved: string;
  readonly applied: string;
  readonly repaired: string;
  readonly left: string;
  readonly failed: string;
  readonly worse: string;
  readonly rolledBack: string;
  readonly stuck: string;
  readonly undoHint: string;
  readonly leaves: string;
  readonly risks: Readonly<Record<"safe" | "interrupts" | "overrides", string>>;
  readonly survives: Readonly<Record<"docker" | "reboot", string>>;
  readonly undoPlan: string;
  readonly undone: string;
  readonly nothingToUndo: string;
  readonly noEntry: string;
  readonly otherNetns: string;
  readonly undoPartly: string;
  /** Why something is left as it is, by `Refusal.reason`. */
  readonly refusals: Readonly<Record<string, string>>;
}

const EN: FixText = {
  plan: "Would change",
  nothing: "Nothing to repair.",
  question: "Apply? [y/N] ",
  declined: "Nothing was changed.",
  dryRun: "Dry run: nothing was changed.",
  moved:
    "The host changed while the plan was shown, nothing was done. Look at the plan again.",
  applied: "Applied and checked: {count} changes, journal entry {id}.",
  repaired: "Repaired: {codes}.",
  left: "Still wrong: {codes}. See flandoc check.",
  failed: "Cannot repair: {error}",
  worse: "The repair made {codes} worse.",
  rolledBack: "What was applied has been taken back.",
  stuck: "Could not be taken back: {error}\n  by hand: {command}",
  undoHint: "To take it back: flandoc undo {id}",
  leaves: "Left as it is",
  risks: {
    safe: "safe",
    interrupts: "interrupts something",
    overrides: "overrides another program",
  },
  survives: {
    docker: "survives Docker's restart",
    reboot: "survives a reboot",
  },
  undoPlan: "Would take back {id} of {time}",
  undone: "Taken back: {id}.",
  nothingToUndo: "The journal holds no repair that could be taken back.",
  noEntry: 'Cannot undo "{id}": the journal has no such repair in force',
  otherNetns:
    "Cannot undo {id}: it was applied in another network namespace ({hostname})",
  undoPartly: "Taken back but for the steps above: {id}.",
  refusals: {
    moot: "{code} is moot after {detail}: repair that first",
    unjudged: "{code} could not be judged: {detail}",
    foreign: "{rule}: a rule of {owner}'s, for whoever made it to change",
    destination: "{rule}: it asks for a destination already, scope it by hand",
    incoming: "{rule}: it hides what comes in; flandoc explain FD601",
    policy: "{rule}: dropped by {owner}; {command}",
    nft:
      "{rule}: a native nftables chain drops, where no accept elsewhere helps; change it there",
    noHolder:
      "no systemd and no saved rules on this host: let the agent hold it, flandoc run --snat",
  },
};

const ZH: FixText = {
  plan: "将要修改",
  nothing: "没有需要修复的内容。",
  question: "是否执行？[y/N] ",
  declined: "未做任何修改。",
  dryRun: "演练模式：未做任何修改。",
  moved: "显示计划期间主机状态已变化，未执行任何操作，请重新查看计划。",
  applied: "已执行并复查：{count} 项修改，日志编号 {id}。",
  repaired: "已修复：{codes}。",
  left: "仍然异常：{codes}。请运行 flandoc check。",
  failed: "修复失败：{error}",
  worse: "修复使 {codes} 变差。",
  rolledBack: "已执行的修改全部撤回。",
  stuck: "未能撤回：{error}\n  手工执行：{command}",
  undoHint: "如需撤回：flandoc undo {id}",
  leaves: "保持原样",
  risks: {
    safe: "安全",
    interrupts: "会中断部分业务",
    overrides: "会覆盖其他程序的设置",
  },
  survives: { docker: "Docker 重启后仍有效", reboot: "主机重启后仍有效" },
  undoPlan: "将撤回 {time} 的修复 {id}",
  undone: "已撤回：{id}。",
  nothingToUndo: "日志中没有可撤回的修复。",
  noEntry: "无法撤回“{id}”：日志中没有这一项生效中的修复",
  otherNetns: "无法撤回 {id}：它是在另一个网络命名空间（{hostname}）中执行的",
  undoPartly: "除上述步骤外已撤回：{id}。",
  refusals: {
    moot: "{code} 的前提未满足，请先修复 {detail}",
    unjudged: "{code} 无法判断：{detail}",
    foreign: "{rule}：属于 {owner} 的规则，请由其维护者修改",
    destination: "{rule}：规则已限定目的地址，请手工处理",
    incoming: "{rule}：改写的是入方向流量，参见 flandoc explain FD601",
    policy: "{rule}：由 {owner} 丢弃；{command}",
    nft: "{rule}：由 nftables 自身的链丢弃，在别处放行无效，请在原处修改",
    noHolder:
      "本机没有 systemd，也没有保存规则的服务：请用 agent 保持，flandoc run --snat",
  },
};

/** Words of repairs by language. */
export const FIX_TEXT: Readonly<Record<Language, FixText>> = { en: EN, zh: ZH };
