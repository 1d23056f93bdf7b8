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
  /** Said after `--snat`: connections keep the address they began with. */
  readonly newFlows: string;
  readonly lasts: string;
  readonly left: string;
  readonly failed: string;
  readonly worse: string;
  readonly rolledBack: string;
  readonly interrupted: string;
  readonly stuck: string;
  /** Repairs in force that the journal has dropped. */
  readonly pruned: string;
  readonly undoHint: string;
  /** A line of `flandoc undo --list`. */
  readonly damagedEntry: string;
  readonly leaves: string;
  /** What is done only when its fix is named. */
  readonly withheld: string;
  readonly risks: Readonly<Record<"safe" | "interrupts" | "overrides", string>>;
  readonly survives: Readonly<Record<"docker" | "reboot", string>>;
  readonly undoPlan: string;
  readonly undoNothing: string;
  readonly undone: string;
  readonly undoConflict: string;
  readonly conflict: string;
  readonly byHand: string;
  readonly nothingToUndo: string;
  readonly noEntry: string;
  readonly otherNetns: string;
  readonly damaged: string;
  readonly undoPartly: string;
  readonly locked: string;
  readonly state: string;
  /** The same for undo, which has no plan that could be shown without. */
  readonly undoState: string;
  /** Between the parts of a line, and before a reason. */
  readonly comma: string;
  readonly colon: string;
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
  applied: "Applied and checked, steps: {count}. Journal entry {id}.",
  repaired: "Repaired: {codes}.",
  newFlows:
    "Connections that are open already keep the old source address until they end.",
  lasts: "The repair {outlives}.",
  left: "Still wrong: {codes}. See flandoc check.",
  failed: "Cannot repair: {error}",
  worse: "The repair made {codes} worse.",
  rolledBack: "What was applied has been taken back.",
  interrupted:
    "Interrupted: what was changed so far stays, and was not checked. To take it back: flandoc undo {id}",
  stuck: "Could not be taken back: {error}. By hand:",
  pruned:
    "The journal is full: {ids} cannot be taken back by flandoc any more.",
  damagedEntry: "{id}  damaged      {path} holds no entry",
  undoHint: "To take it back: flandoc undo {id}",
  leaves: "Left as it is",
  withheld: "only when named: {action}",
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
  undoNothing:
    "Nothing of {id} of {time} is in force any more; it would be closed in the journal.",
  undone: "Taken back: {id}.",
  undoConflict:
    "Cannot undo {id}, nothing was changed: somebody else has changed what it changed.",
  conflict: "the repair did: {command}",
  byHand: "to come back to the earlier state from what is there now:",
  nothingToUndo: "The journal holds no repair that could be taken back.",
  noEntry: 'Cannot undo "{id}": the journal has no such repair in force',
  otherNetns:
    "Cannot undo {id}: it was applied in another network namespace ({hostname})",
  damaged:
    "Cannot undo {id}: its file in the journal is damaged. Look at what flandoc check says now; flandoc undo --list shows the others, which can be taken back by their ids.",
  undoPartly: "Taken back but for the steps above: {id}.",
  locked: "Cannot repair: another flandoc is repairing this host",
  state:
    'Cannot repair: the journal cannot be kept in "{directory}": {reason}. Repairs need root, and room there; flandoc fix --dry-run shows the plan without it.',
  undoState:
    'Cannot undo: the journal of repairs in "{directory}" cannot be used: {reason}. Undo needs root.',
  comma: ", ",
  colon: ": ",
  refusals: {
    moot: "judged once {detail} is repaired",
    unjudged: "could not be judged, {detail}",
    foreign: "made by {owner}, for whoever runs it to change: {rule}",
    nobodys: "neither Docker's nor flannel's, for whoever made it: {rule}",
    destination: "asks for a destination already, scope it by hand: {rule}",
    families:
      "takes IPv6 as well, spare packets before it as FD601 says: {rule}",
    unwritable:
      "cannot be written by nft as nft shows it, an extension of iptables: {rule}",
    incoming: "hides what comes in, see flandoc explain FD601: {rule}",
    policy:
      "{owner} drops here and would again, use its own command: {rule}; {command}",
    nft:
      "a native nftables chain drops, where no accept elsewhere helps, change it there: {rule}",
    deep:
      "drops in a place that no rule at the head of a chain precedes: {rule}",
    partly:
      "drops only a part, which may be meant, see flandoc explain FD606: {rule}",
    notOnLink:
      "{gateway} cannot be reached directly over {device}, the kernel refuses such a route (FD407, FD408): {route}",
    connected:
      "{device} is in this network itself and would be cut off from it, move one of the two (FD107): {route}",
    noHolder:
      "no systemd runs this host, nothing would run after Docker's start; let the agent hold the repair: flandoc run --snat",
    noUnit:
      "dockerd was not started by a systemd unit that could get a drop-in; let the agent hold the repair: flandoc run --snat",
    nativeHolder:
      "Docker's rule is none that an iptables command in a drop-in could restore; let the agent hold the repair: flandoc run --snat",
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
  newFlows: "已经建立的连接在结束之前仍使用原来的源地址。",
  lasts: "本次修复：{outlives}。",
  left: "仍然异常：{codes}。请运行 flandoc check。",
  failed: "修复失败：{error}",
  worse: "修复使 {codes} 变差。",
  rolledBack: "已执行的修改已全部撤回。",
  interrupted:
    "已中断：到目前为止的修改仍然生效，且未经复查。如需撤回：flandoc undo {id}",
  stuck: "未能撤回：{error}。请手工执行：",
  pruned: "修复日志已满：flandoc 不能再撤回 {ids}。",
  damagedEntry: "{id}  已损坏      {path} 不是有效的日志",
  undoHint: "如需撤回：flandoc undo {id}",
  leaves: "保持原样",
  withheld: "需要指明才会执行：{action}",
  risks: {
    safe: "安全",
    interrupts: "会中断部分业务",
    overrides: "会覆盖其他程序的设置",
  },
  survives: { docker: "Docker 重启后仍有效", reboot: "主机重启后仍有效" },
  undoPlan: "将撤回 {time} 的修复 {id}",
  undoNothing: "{time} 的修复 {id} 已全部失效，只需在日志中标记为已撤回。",
  undone: "已撤回：{id}。",
  undoConflict: "无法撤回 {id}，未做任何修改：它改动过的内容又被别人改了。",
  conflict: "当时的修改：{command}",
  byHand: "从现在的状态恢复到修复之前，请执行：",
  nothingToUndo: "日志中没有可撤回的修复。",
  noEntry: "无法撤回“{id}”：日志中没有这一项生效中的修复",
  otherNetns: "无法撤回 {id}：它是在另一个网络命名空间（{hostname}）中执行的",
  damaged:
    "无法撤回 {id}：它在修复日志中的文件已损坏。请查看 flandoc check 现在的结果；flandoc undo --list 列出其余的修复，可按编号撤回。",
  undoPartly: "除上述步骤外已撤回：{id}。",
  locked: "无法修复：另一个 flandoc 正在修复本机",
  state:
    "无法修复：不能在“{directory}”中保存修复日志：{reason}。修复需要 root 权限和足够的磁盘空间；flandoc fix --dry-run 不需要。",
  undoState:
    "无法撤回：“{directory}”中的修复日志无法使用：{reason}。撤回需要 root 权限。",
  comma: "，",
  colon: "：",
  refusals: {
    moot: "修复 {detail} 之后才能判断",
    unjudged: "无法判断，{detail}",
    foreign: "属于 {owner} 的规则，请由其维护者修改：{rule}",
    nobodys: "既不是 Docker 也不是 flannel 的规则，请由添加者修改：{rule}",
    destination: "规则已限定目的地址，请手工处理：{rule}",
    families: "同时处理 IPv6，请按 FD601 在它之前放过容器之间的报文：{rule}",
    unwritable: "nft 无法写回它显示的这条规则（iptables 的扩展）：{rule}",
    incoming: "改写的是入方向流量，参见 flandoc explain FD601：{rule}",
    policy:
      "由 {owner} 丢弃，改了也会被它改回，请使用它自己的命令：{rule}；{command}",
    nft: "由 nftables 自身的链丢弃，在别处放行无效，请在原处修改：{rule}",
    partly:
      "只丢弃一部分流量，可能是有意为之，参见 flandoc explain FD606：{rule}",
    deep: "丢弃发生在链首规则管不到的位置：{rule}",
    notOnLink:
      "经 {device} 不能直接到达 {gateway}，内核不接受这样的路由（FD407、FD408）：{route}",
    connected:
      "{device} 自己就在这个网络中，改动会使本机与它断开，请让其中一方换用其他地址（FD107）：{route}",
    noHolder:
      "本机没有运行 systemd，Docker 启动后无法自动执行命令，请由代理保持：flandoc run --snat",
    noUnit:
      "dockerd 不是由可添加 drop-in 的 systemd 单元启动的，请由代理保持：flandoc run --snat",
    nativeHolder:
      "Docker 的规则无法用 drop-in 中的 iptables 命令恢复，请由代理保持：flandoc run --snat",
  },
};

/** Words of repairs by language. */
export const FIX_TEXT: Readonly<Record<Language, FixText>> = { en: EN, zh: ZH };
