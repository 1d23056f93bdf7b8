/**
 * How to reach a Kubernetes API server, and as whom.
 *
 * @module
 */
import { parseEndpoint } from "../endpoint.ts";
import { KubernetesError } from "./kubernetes_error.ts";
import { readKubeconfig } from "./kubeconfig.ts";

/** A PEM text and where it is from, for messages. */
export interface Pem {
  readonly text: string;
  /** Path, or `kubeconfig PATH, certificate-authority-data`. */
  readonly source: string;
  /** File that it is read again from when that changes; absent: none. */
  readonly file?: string;
}

/** One API server and an identity at it. */
export interface KubernetesAccess {
  /** `https://HOST:PORT`, perhaps with a path; no slash at its end. */
  readonly server: string;
  /** Where this is from: `in-cluster`, `kubeconfig PATH`, `--kube-api-url`. */
  readonly source: string;
  /** Null for the system's authorities. */
  readonly ca: Pem | null;
  readonly cert: Pem | null;
  readonly key: Pem | null;
  /** A token that does not change, or null. */
  readonly token: string | null;
  /** File whose token is read again and again, or null. */
  readonly tokenFile: string | null;
}

/** Where to look for an API server; names follow flanneld's flags. */
export interface KubernetesAccessOptions {
  readonly apiUrl: string;
  readonly kubeconfigFile: string;
  /**
   * `$KUBECONFIG`: files with colons between, for where neither of the above
   * is given. @default none
   */
  readonly kubeconfigList?: string;
  /** `$KUBERNETES_SERVICE_HOST`; empty outside of a pod. */
  readonly serviceHost: string;
  /** `$KUBERNETES_SERVICE_PORT` */
  readonly servicePort: string;
  /**
   * Directories of a service account, the first that holds a token counts.
   * @default {@linkcode SERVICE_ACCOUNT}
   */
  readonly serviceAccount?: readonly string[];
  /** Reads a text file. @default Deno.readTextFileSync */
  readonly readText?: (path: string) => string;
}

/** Where Kubernetes mounts a pod's service account. */
export const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

/**
 * Finds the API server as flannel does: kubeconfig and URL when one of them is
 * given, the URL going before kubeconfig's; else `$KUBECONFIG`, else the pod's
 * service account.
 *
 * Source: client-go tools/clientcmd BuildConfigFromFlags, rest
 * InClusterConfig.
 *
 * @throws {KubernetesError} of kind `config`, naming what is missing
 */
export async function resolveAccess(
  options: KubernetesAccessOptions,
): Promise<KubernetesAccess> {
  const readText = options.readText ?? Deno.readTextFileSync;
  const { apiUrl, kubeconfigFile } = options;
  if (kubeconfigFile !== "") {
    return await readKubeconfig([kubeconfigFile], readText, apiUrl);
  }
  if (apiUrl === "") {
    const files = (options.kubeconfigList ?? "").split(":")
      .filter((path) => path !== "");
    return files.length > 0
      ? await readKubeconfig(files, readText)
      : inCluster(options, readText);
  }
  return {
    server: serverUrl(apiUrl, "--kube-api-url"),
    source: "--kube-api-url",
    ca: null,
    cert: null,
    key: null,
    token: null,
    tokenFile: null,
  };
}

/**
 * A server's URL in the form of {@linkcode KubernetesAccess.server}.
 *
 * @throws {KubernetesError} of kind `config`
 */
export function serverUrl(text: string, source: string): string {
  const { base } = parseEndpoint(text);
  if (base !== null) return base;
  throw new KubernetesError(
    "config",
    `Cannot use ${source}: expected "https://HOST:PORT", got "${text}"`,
  );
}

function inCluster(
  { serviceHost, servicePort, serviceAccount = [SERVICE_ACCOUNT] }:
    KubernetesAccessOptions,
  readText: (path: string) => string,
): KubernetesAccess {
  if (serviceHost === "" || servicePort === "") {
    throw new KubernetesError(
      "config",
      "There is no way to the Kubernetes API: not in a pod ($KUBERNETES_SERVICE_HOST and $KUBERNETES_SERVICE_PORT are not set) and neither --kubeconfig-file nor --kube-api-url is given",
    );
  }
  const directory = serviceAccount.find((d) => canRead(`${d}/token`, readText));
  if (directory === undefined) {
    throw new KubernetesError(
      "config",
      `Cannot read the service account's token at ${
        serviceAccount.map((d) => `${d}/token`).join(" or ")
      }: is automountServiceAccountToken off?`,
    );
  }
  const host = serviceHost.includes(":") ? `[${serviceHost}]` : serviceHost;
  const ca = `${directory}/ca.crt`;
  return {
    server: serverUrl(`https://${host}:${servicePort}`, "in-cluster"),
    source: "in-cluster",
    ca: canRead(ca, readText)
      ? { text: readText(ca), source: ca, file: ca }
      : null,
    cert: null,
    key: null,
    token: null,
    tokenFile: `${directory}/token`,
  };
}

function canRead(path: string, readText: (path: string) => string): boolean {
  try {
    return readText(path).trim() !== "";
  } catch {
    return false;
  }
}
