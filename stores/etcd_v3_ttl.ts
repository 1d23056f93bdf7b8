import type { Endpoint } from "./endpoint.ts";
import {
  CODE,
  type V3Client,
  V3Error,
  type V3Header,
} from "./etcd_v3_client.ts";

/** Requests under way at once; more only queue inside etcd. */
const CONCURRENCY = 32;

/**
 * Seconds left of etcd leases by id, each id asked once. etcd has no call for
 * many. A lease that is gone has 0.
 *
 * @throws {EndpointError} of the first request that fails.
 */
export async function readTtls(
  client: V3Client,
  endpoint: Endpoint,
  ids: Iterable<string>,
  signal?: AbortSignal,
): Promise<Map<string, number>> {
  const ttls = new Map<string, number>();
  const queue = [...new Set(ids)].values();
  let failed = false;
  const worker = async () => {
    for (const id of queue) {
      if (failed) return;
      try {
        ttls.set(id, await readTtl(client, endpoint, id, signal));
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const results = await Promise.allSettled(
    Array.from({ length: CONCURRENCY }, worker),
  );
  for (const result of results) {
    if (result.status === "rejected") throw result.reason;
  }
  return ttls;
}

async function readTtl(
  client: V3Client,
  endpoint: Endpoint,
  id: string,
  signal: AbortSignal | undefined,
): Promise<number> {
  try {
    const { TTL } = await client.call<{ header?: V3Header; TTL?: string }>(
      endpoint,
      "lease/timetolive",
      { ID: id },
      { signal },
    );
    return Math.max(0, Number(TTL ?? 0)); // -1: expired
  } catch (error) {
    if (error instanceof V3Error && error.code === CODE.notFound) return 0;
    throw error;
  }
}
