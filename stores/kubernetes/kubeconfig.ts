/**
 * kubeconfig files: the current context's cluster and user.
 *
 * @module
 */
import { type KubernetesAccess, type Pem, serverUrl } from "./access.ts";
import { KubernetesError } from "./kubernetes_error.ts";

type Fields = Readonly<Record<string, unknown>>;
type ReadText = (path: string) => string;

/** One section with the means to say where it is. */
interface Section {
  readonly fields: Fields;
  /** `kubeconfig PATH, cluster "NAME"`, for messages. */
  readonly place: string;
  readonly directory: string;
  readonly readText: ReadText;
}

/** Ways to log in that need a program or a service of their own. */
const REFUSED: Readonly<Record<string, string>> = {
  "exec": "runs a program for its credentials (exec)",
  "auth-provider": "uses an auth-provider",
  "username": "uses a user name and password, which Kubernetes dropped",
};

function fail(place: string, why: string): never {
  throw new KubernetesError("config", `Cannot use ${place}: ${why}`);
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Reads the current context of a kubeconfig. Relative paths in it begin at its
 * own directory, `*-data` goes before the file of the same thing, and
 * `tokenFile` before `token`. Of several files the first that has a
 * current-context, or a section of a name, counts, and files that do not exist
 * are passed over.
 *
 * Source: client-go tools/clientcmd/api/v1 types.go, client_config.go,
 * loader.go.
 *
 * @param apiUrl goes before the cluster's server; empty for none
 * @throws {KubernetesError} of kind `config`, naming the section at fault
 */
export async function readKubeconfig(
  paths: readonly string[],
  readText: ReadText,
  apiUrl = "",
): Promise<KubernetesAccess> {
  const all = `kubeconfig ${paths.join(":")}`;
  const files = await readFiles(paths, all, readText);
  const current = files.map(({ fields }) => textOf(fields["current-context"]))
    .find((name) => name !== "");
  if (current === undefined) fail(all, "it has no current-context");
  const section = (list: string, kind: string, name: string): Section => {
    for (const file of files) {
      const fields = pick(file.fields[list], kind, name);
      const place = `${file.place}, ${kind} "${name}"`;
      if (fields !== null) return { ...file, fields, place };
    }
    return fail(all, `there is no ${kind} "${name}" in it`);
  };
  const context = section("contexts", "context", current).fields;
  const cluster = section("clusters", "cluster", textOf(context["cluster"]));
  const userName = textOf(context["user"]);
  const user = userName === ""
    ? { ...cluster, fields: {}, place: all }
    : section("users", "user", userName);
  const server = readServer(cluster, apiUrl);
  return { server, source: all, ...readTrust(cluster), ...readUser(user) };
}

/** The files that there are, each with its whole mapping. */
async function readFiles(
  paths: readonly string[],
  all: string,
  readText: ReadText,
): Promise<readonly Section[]> {
  const files: Section[] = [];
  for (const path of paths) {
    const place = `kubeconfig ${path}`;
    const fields = await parseFile(path, place, readText);
    if (fields === null) continue;
    const directory = path.replace(/[^/]*$/, "") || "./";
    files.push({ fields, place, directory, readText });
  }
  return files.length > 0 ? files : fail(all, "no such file");
}

/** Null where there is no such file. */
async function parseFile(
  path: string,
  place: string,
  readText: ReadText,
): Promise<Fields | null> {
  let text: string;
  try {
    text = readText(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    return fail(place, reason(error));
  }
  // Loading it takes 100 ms, which only who has a kubeconfig is to wait for.
  const { parseYaml } = await import("./parse_yaml.ts");
  let root: unknown;
  try {
    root = parseYaml(text);
  } catch (error) {
    fail(place, `it is not YAML: ${reason(error).split("\n")[0]}`);
  }
  return isFields(root) ? root : fail(place, "it holds no mapping");
}

function reason(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "no such file";
  if (error instanceof Deno.errors.PermissionDenied) return "permission denied";
  return error instanceof Error ? error.message : String(error);
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** The body of a list's entry; null where there is none of the name. */
function pick(list: unknown, kind: string, name: string): Fields | null {
  const entry = Array.isArray(list)
    ? list.filter(isFields).find((item) => item["name"] === name)
    : undefined;
  if (entry === undefined) return null;
  const body = entry[kind];
  return isFields(body) ? body : {};
}

function readServer({ fields, place }: Section, apiUrl: string): string {
  if (textOf(fields["proxy-url"]) !== "") {
    fail(place, "it wants a proxy (proxy-url), which flandoc does not use");
  }
  if (textOf(fields["tls-server-name"]) !== "") {
    fail(
      place,
      "tls-server-name is set; flandoc checks the certificate against the server's own address only",
    );
  }
  const server = apiUrl === "" ? textOf(fields["server"]) : apiUrl;
  if (server === "") fail(place, "it has no server");
  const source = apiUrl === "" ? place : "--kube-api-url";
  const url = serverUrl(server, source);
  if (fields["insecure-skip-tls-verify"] === true && url.startsWith("https")) {
    fail(
      place,
      "insecure-skip-tls-verify is set; flandoc talks to no server that it cannot verify: give certificate-authority-data instead",
    );
  }
  return url;
}

function readTrust(section: Section): Pick<KubernetesAccess, "ca"> {
  return { ca: readPem(section, "certificate-authority") };
}

/** `NAME-data` in base64, else the file `NAME`, else null. */
function readPem(section: Section, name: string): Pem | null {
  const { fields, place, readText } = section;
  const data = textOf(fields[`${name}-data`]);
  if (data !== "") {
    const source = `${place}, ${name}-data`;
    try {
      const bytes = Uint8Array.fromBase64(data.replace(/\s/g, ""));
      return { text: new TextDecoder().decode(bytes), source };
    } catch {
      fail(source, "it is not base64");
    }
  }
  const file = textOf(fields[name]);
  if (file === "") return null;
  const path = resolvePath(section, file);
  try {
    return { text: readText(path), source: path, file: path };
  } catch (error) {
    return fail(`${name} ${path} of ${place}`, reason(error));
  }
}

function resolvePath({ directory }: Section, path: string): string {
  return path.startsWith("/") ? path : directory + path;
}

function readUser(
  section: Section,
): Pick<KubernetesAccess, "cert" | "key" | "token" | "tokenFile"> {
  const { fields, place } = section;
  for (const [name, what] of Object.entries(REFUSED)) {
    if (fields[name] !== undefined && fields[name] !== null) {
      fail(
        place,
        `it ${what}; flandoc takes a token, a token file or a client certificate`,
      );
    }
  }
  const cert = readPem(section, "client-certificate");
  const key = readPem(section, "client-key");
  if ((cert === null) !== (key === null)) {
    fail(place, "a client certificate needs its key and a key its certificate");
  }
  const token = textOf(fields["token"]);
  const file = textOf(fields["tokenFile"]);
  return {
    cert,
    key,
    token: token === "" ? null : token,
    tokenFile: file === "" ? null : resolvePath(section, file),
  };
}
