import { EndpointError } from "./endpoint_error.ts";

/** An etcd client URL, taken apart. */
export interface Endpoint {
  /** As messages name it: no user, no password, no trailing slash. */
  readonly name: string;
  /** What paths are appended to; null when the text is no usable URL. */
  readonly base: string | null;
  readonly secure: boolean;
  /** Without the brackets of an IPv6 address. */
  readonly hostname: string;
  readonly port: number;
  /** Credentials that stood in the URL. */
  readonly username: string | null;
  readonly password: string | null;
}

/**
 * Takes an element of `--etcd-endpoints` apart. Never throws: text that is no
 * http or https URL gives `base: null`, so that the other endpoints still
 * serve. A scheme may be left out, as clientv3 allows; it is https then when
 * `secure`.
 *
 * @example
 * ```ts
 * import { parseEndpoint } from "./endpoint.ts";
 * parseEndpoint("https://10.0.0.1:2379/").name; // "https://10.0.0.1:2379"
 * ```
 */
export function parseEndpoint(text: string, secure = false): Endpoint {
  const trimmed = text.trim();
  const url = URL.parse(
    trimmed.includes("://")
      ? trimmed
      : `${secure ? "https" : "http"}://${trimmed}`,
  );
  if (!url || !["http:", "https:"].includes(url.protocol) || !url.hostname) {
    return {
      name: trimmed.replace(/\/\/[^/@]*@/, "//"),
      base: null,
      secure: false,
      hostname: "",
      port: 0,
      username: null,
      password: null,
    };
  }
  const base = `${url.protocol}//${url.host}${url.pathname}`.replace(
    /\/+$/,
    "",
  );
  const isSecure = url.protocol === "https:";
  return {
    name: base,
    base,
    secure: isSecure,
    hostname: url.hostname.replace(/^\[|\]$/g, ""),
    port: Number(url.port) || (isSecure ? 443 : 80),
    username: url.username === "" ? null : decode(url.username),
    password: url.password === "" ? null : decode(url.password),
  };
}

/** The URL of a path at an endpoint; throws for an endpoint that is no URL. */
export function endpointUrl(endpoint: Endpoint, path: string): string {
  if (endpoint.base === null) {
    throw new EndpointError(
      "invalid",
      `The endpoint is not a URL: expected "https://HOST:PORT", got "${endpoint.name}"`,
    );
  }
  return endpoint.base + path;
}

/** A percent sign that stands for itself leaves the text as it is. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
