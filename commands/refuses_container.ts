import type { Language } from "../checks/check.ts";
import { STRINGS } from "../report/strings.ts";
import { fillTemplate } from "../report/template.ts";
import { containerNamespace } from "../snapshot/container_namespace.ts";
import { valueOf } from "../snapshot/fact.ts";
import type { Facts } from "../snapshot/facts.ts";
import type { FlandocContext } from "./context.ts";

/** Whether the facts are a container's; says so then, and sets the status. */
export function refusesContainer(
  { process }: FlandocContext,
  facts: Facts,
  language: Language,
): boolean {
  const found = containerNamespace(facts);
  if (found === null) return false;
  const hostname = valueOf(facts.host)?.hostname;
  const said = fillTemplate(STRINGS[language].container, { ...found });
  process.stderr.write(`${hostname ? `${hostname}: ` : ""}${said}\n`);
  process.exitCode = 3;
  return true;
}
