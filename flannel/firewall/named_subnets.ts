import { isEmpty, setOfCidrs, subtract } from "./address_set.ts";
import { onlyAddress } from "./flannel_egress.ts";
import type { Rule } from "./rule.ts";

function isInside(subnet: string, network: string): boolean {
  const family = network.includes(":") ? 6 : 4;
  return subnet !== network && subnet.includes(":") === (family === 6) &&
    isEmpty(
      subtract(setOfCidrs(family, [subnet]), setOfCidrs(family, [network])),
    );
}

/**
 * Subnets of a network whose packets rules let pass: those that flannel made
 * the rules for, each once.
 */
export function namedSubnets(
  rules: readonly Rule[],
  network: string,
): ReadonlySet<string> {
  const named = rules.filter(({ target }) => target.kind === "RETURN")
    .flatMap(({ match: { source, destination } }) => [
      onlyAddress(source, false),
      onlyAddress(destination, false),
    ]);
  return new Set(
    named.filter((cidr) =>
      cidr !== null && isInside(cidr, network)
    ) as string[],
  );
}
