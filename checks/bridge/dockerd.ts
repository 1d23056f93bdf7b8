/**
 * dockerd as the checks of the bridge show it.
 *
 * @module
 */
import type { DockerFacts, ProcessFacts } from "../../snapshot/facts.ts";
import { shellQuote } from "../shell_quote.ts";

/** The process that answers on Docker's socket; undefined where not known. */
export function dockerdOf(
  { docker, processes }: {
    readonly docker: DockerFacts | null;
    readonly processes: readonly ProcessFacts[];
  },
): ProcessFacts | undefined {
  return processes.find((process) => process.pid === docker?.pid);
}

/** What a person types to give Docker the options of a subnet.env. */
export function applyOptionsCommands(subnetFile: string): string[] {
  return [
    `mk-docker-opts.sh -f ${
      shellQuote(subnetFile)
    } -k DOCKER_NETWORK_OPTIONS -d /run/flannel/docker`,
    "systemctl restart docker",
  ];
}
