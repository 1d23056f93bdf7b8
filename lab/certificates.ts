/**
 * The certificates of a practice network, as the tutorial's are: an authority,
 * a server certificate for the members of etcd, a client certificate.
 *
 * @module
 */
import {
  AUTHORITY_SCRIPT,
  CERTS_DIRECTORY,
  ISSUE_SCRIPT,
} from "./issue_script.ts";
import type { LabPlan } from "./lab_plan.ts";
import { labDirectory } from "./lab_state.ts";
import { nodePath } from "./node_path.ts";
import { mustRun } from "./run.ts";

const FILES = [
  "authority.sh",
  "issue.sh",
  "ca.pem",
  "ca-key.pem",
  "server.pem",
  "server-key.pem",
  "client.pem",
  "client-key.pem",
];

/** Where flanneld's certificates are on a host, by the tutorial. */
export const CERT_FILES = {
  cafile: "/opt/flannel/cert/ca.pem",
  certfile: "/opt/flannel/cert/client.pem",
  keyfile: "/opt/flannel/cert/client-key.pem",
};

/** Makes the certificates, on the machine, in the lab's directory. */
export async function makeCertificates(plan: LabPlan): Promise<void> {
  const directory = `${labDirectory(plan.spec.name)}/certs`;
  Deno.mkdirSync(directory, { mode: 0o700 });
  Deno.writeTextFileSync(`${directory}/authority.sh`, AUTHORITY_SCRIPT);
  Deno.writeTextFileSync(`${directory}/issue.sh`, ISSUE_SCRIPT);
  const sans = plan.nodes.filter((node) => node.kind === "etcd")
    .map((node) => `IP:${node.address},DNS:${node.name}`).join(",");
  await mustRun(["sh", `${directory}/authority.sh`, "flandoc lab"]);
  await mustRun(["sh", `${directory}/issue.sh`, "server", sans]);
  await mustRun(["sh", `${directory}/issue.sh`, "client", ""]);
}

/**
 * Copies them to every node: all to `/opt/certs`, and what flanneld needs to
 * `/opt/flannel/cert`.
 */
export function distributeCertificates(plan: LabPlan): void {
  const source = `${labDirectory(plan.spec.name)}/certs`;
  for (const node of plan.nodes) {
    const certs = nodePath(plan, node, CERTS_DIRECTORY);
    Deno.mkdirSync(certs, { mode: 0o700 });
    for (const file of FILES) {
      Deno.copyFileSync(`${source}/${file}`, `${certs}/${file}`);
    }
    Deno.mkdirSync(nodePath(plan, node, "/opt/flannel/cert"));
    for (const target of Object.values(CERT_FILES)) {
      const name = target.split("/").at(-1);
      Deno.copyFileSync(`${source}/${name}`, nodePath(plan, node, target));
    }
  }
}
