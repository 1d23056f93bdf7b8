import { readBytes } from "../host/raw_files.ts";
import type { Settings } from "./facts.ts";

/**
 * Why this user cannot ask etcd as flannel does: a certificate or key that
 * only root may read. That says nothing of flannel, which runs as root, so
 * that the store is not unreachable then but unknown.
 *
 * @param uid effective user id of this process
 * @returns null for root, without TLS, and where all files can be read or fail
 * for another reason than their permissions
 */
export function barredFile(settings: Settings, uid: number): string | null {
  const { etcdEndpoints, etcdCafile, etcdCertfile, etcdKeyfile } = settings;
  const tls = etcdEndpoints.value.some((url) => /^https:/i.test(url));
  if (uid === 0 || !tls || settings.store.value === "kubernetes") return null;
  const files = [etcdCafile, etcdCertfile, etcdKeyfile]
    .map(({ value }) => value).filter((path) => path !== "");
  for (const path of files) {
    try {
      readBytes(path);
    } catch (error) {
      if (error instanceof Deno.errors.PermissionDenied) {
        return `${error.message}, which takes root`;
      }
    }
  }
  return null;
}
