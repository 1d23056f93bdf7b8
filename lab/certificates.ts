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
import type { NodeFile } from "./node_files.ts";
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
 * What every node gets of them: all in `/opt/certs`, and what flanneld needs in
 * `/opt/flannel/cert`. None without TLS.
 */
export function certificateFiles(plan: LabPlan): NodeFile[] {
  if (!plan.spec.etcd.tls) return [];
  const source = `${labDirectory(plan.spec.name)}/certs`;
  const copy = (name: string, path: string): NodeFile => ({
    path,
    text: Deno.readTextFileSync(`${source}/${name}`),
    mode: name.endsWith("-key.pem") ? 0o600 : 0o644,
  });
  return [
    ...FILES.map((name) => copy(name, `${CERTS_DIRECTORY}/${name}`)),
    ...Object.values(CERT_FILES).map((path) =>
      copy(path.slice(path.lastIndexOf("/") + 1), path)
    ),
  ];
}
