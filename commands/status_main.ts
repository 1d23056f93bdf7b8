import { readAgentPage } from "../host/health.ts";
import { agentStatus, renderStatus } from "../report/status.ts";
import { collectFacts } from "../snapshot/collect.ts";
import { valueOf } from "../snapshot/fact.ts";
import { type FlandocContext, styleOf } from "./context.ts";
import { type FlagValues, givenFlags } from "./flannel_flags.ts";
import type { StatusFlags } from "./status.ts";

/** Prints how the agent is. */
export async function status(
  this: FlandocContext,
  flags: StatusFlags & FlagValues,
): Promise<void> {
  const facts = await collectFacts({ flags: givenFlags(flags), probe: false });
  const settings = valueOf(facts.settings);
  const port = settings?.healthzPort.value ?? 0;
  const ip = settings?.healthzIP.value ?? "";
  const [ready, metrics] = port === 0 ? [null, null] : await Promise.all([
    readAgentPage(ip, port, "readyz"),
    readAgentPage(ip, port, "metrics"),
  ]);
  const found = agentStatus(facts, ready, metrics?.body ?? null);
  this.process.stdout.write(renderStatus(found, facts, styleOf(this, flags)));
  this.process.exitCode = found.ready === true ? 0 : 1;
}
