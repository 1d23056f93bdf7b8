import { type ApiRequest, describeRequest } from "./api_request.ts";
import { KubernetesError } from "./kubernetes_error.ts";

/** Longest wait that a server may ask for, ms. */
const MOST_WAIT_MS = 60_000;

/** A `Status` object's own words, or null. */
function messageOf(body: string): string | null {
  try {
    const status: unknown = JSON.parse(body);
    if (typeof status !== "object" || status === null) return null;
    const isStatus = "kind" in status && status.kind === "Status";
    return isStatus && "message" in status && typeof status.message === "string"
      ? status.message
      : null;
  } catch {
    return null;
  }
}

function retryAfter(headers: Headers): number {
  const seconds = Number(headers.get("retry-after") ?? "");
  return seconds > 0 ? Math.min(seconds * 1000, MOST_WAIT_MS) : 0;
}

/**
 * An answer that is an error, in plain words; one that roles forbid names the
 * verb and the resource that the role lacks.
 *
 * @param identity whose credentials were shown, such as `in-cluster`
 */
export function refusal(
  request: ApiRequest,
  answer: {
    readonly status: number;
    readonly headers: Headers;
    readonly text: string;
  },
  identity: string,
): KubernetesError {
  const { status, headers, text } = answer;
  const said = messageOf(text);
  const what = describeRequest(request);
  const error = (
    kind: ConstructorParameters<typeof KubernetesError>[0],
    sentence: string,
  ) =>
    new KubernetesError(kind, `Cannot ${what}: ${sentence}`, {
      status,
      retryAfterMs: retryAfter(headers),
    });
  if (status === 401) {
    return error(
      "auth",
      `the API server does not accept the credentials (${identity})`,
    );
  }
  if (status === 403) {
    return error(
      "forbidden",
      `the role lacks verb "${request.verb}" on resource "${request.resource}"${
        said === null ? "" : ` (${said})`
      }`,
    );
  }
  if (said === null) {
    return error(
      /HTTP request to an HTTPS server/.test(text)
        ? "scheme"
        : "not-kubernetes",
      /HTTP request to an HTTPS server/.test(text)
        ? "the server speaks TLS: use https://"
        : `HTTP status ${status}, not from a Kubernetes API server`,
    );
  }
  if (status === 404) return error("not-found", said);
  if (status === 410) return error("gone", said);
  if (status === 429 || status === 503) return error("busy", said);
  return error("http", `HTTP status ${status}: ${said}`);
}
