/**
 * Why one endpoint gave no answer.
 *
 * @module
 */

/**
 * Kinds of failure an endpoint can show.
 *
 * - `refused`: nothing listens there
 * - `timeout`: no complete answer within the deadline
 * - `closed`: the connection was closed before an answer
 * - `unreachable`: the kernel has no way to that address
 * - `dns`: the host name does not resolve
 * - `scheme`: http:// where TLS is spoken, or https:// where it is not
 * - `tls`: the handshake failed for another reason than those below
 * - `tls-untrusted`, `tls-name`, `tls-expired`: the server's certificate
 * - `tls-client-certificate`: the server wants another one than ours, or one
 * - `not-etcd`: something else answered
 * - `api`: etcd answered, without the API that was asked (v2 or v3)
 * - `auth`: user, password or role
 * - `http`: any other answer that is an error
 * - `file`: a certificate or key file of ours
 * - `invalid`: the endpoint is no URL
 */
export type ErrorKind =
  | "refused"
  | "timeout"
  | "closed"
  | "unreachable"
  | "dns"
  | "scheme"
  | "tls"
  | "tls-untrusted"
  | "tls-name"
  | "tls-expired"
  | "tls-client-certificate"
  | "not-etcd"
  | "api"
  | "auth"
  | "http"
  | "file"
  | "invalid";

/** Failure of one request at one endpoint. Its message is a plain sentence. */
export class EndpointError extends Error {
  override readonly name = "EndpointError";
  readonly kind: ErrorKind;
  /** A refusal that every member would give: asking the next is no use. */
  readonly final: boolean;
  /** Whether the request may have been carried out all the same. */
  readonly maybeDone: boolean;

  constructor(
    kind: ErrorKind,
    message: string,
    options: { readonly final?: boolean; readonly maybeDone?: boolean } = {},
  ) {
    super(message);
    this.kind = kind;
    this.final = options.final ?? false;
    this.maybeDone = options.maybeDone ?? MAYBE_DONE.has(kind);
  }
}

const MAYBE_DONE: ReadonlySet<ErrorKind> = new Set([
  "timeout",
  "closed",
  "http",
  "not-etcd",
]);
