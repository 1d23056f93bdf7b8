/**
 * Why the Kubernetes API server gave no answer, or refused.
 *
 * @module
 */
import type { ErrorKind } from "../endpoint_error.ts";

/**
 * Kinds of failure. Besides those of {@linkcode ErrorKind}:
 *
 * - `forbidden`: the role of this identity does not allow it (403)
 * - `not-found`: there is no such object (404)
 * - `gone`: the resource version or page is too old (410)
 * - `busy`: the server asks for patience (429, 503 with Retry-After)
 * - `config`: kubeconfig, token or variables of ours cannot be used
 */
export type KubernetesErrorKind =
  | Exclude<ErrorKind, "not-etcd">
  | "forbidden"
  | "not-found"
  | "gone"
  | "busy"
  | "config"
  | "not-kubernetes";

/** Failure of one request. Its message is a plain sentence. */
export class KubernetesError extends Error {
  override readonly name = "KubernetesError";
  readonly kind: KubernetesErrorKind;
  /** HTTP status, or null when there was no answer. */
  readonly status: number | null;
  /** Milliseconds the server asks to wait for, or 0. */
  readonly retryAfterMs: number;

  constructor(
    kind: KubernetesErrorKind,
    message: string,
    options: { readonly status?: number; readonly retryAfterMs?: number } = {},
  ) {
    super(message);
    this.kind = kind;
    this.status = options.status ?? null;
    this.retryAfterMs = options.retryAfterMs ?? 0;
  }
}
