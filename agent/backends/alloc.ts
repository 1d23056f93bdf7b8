import {
  type Backend,
  type BackendContext,
  plainAttributes,
} from "./backend.ts";

/**
 * alloc: a lease and subnet.env, and nothing in the kernel. It publishes no
 * backend type.
 *
 * Source: flannel v0.28.9 pkg/backend/alloc/alloc.go.
 */
export function alloc({ node }: BackendContext): Backend {
  return { type: "alloc", attributes: () => plainAttributes(node, "") };
}
