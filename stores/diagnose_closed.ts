import type { Endpoint } from "./endpoint.ts";
import { EndpointError } from "./endpoint_error.ts";
import { probeTls } from "./tls_probe.ts";

/** Which client certificate was shown, for the sentence. */
export interface ShownCertificate {
  readonly certfile: string | undefined;
}

/**
 * Finds out why an endpoint hung up without an answer, which looks the same
 * to a client in three cases: plain HTTP sent to a TLS port, TLS sent to a
 * plain port, and a client certificate missing or refused (with TLS 1.3 the
 * refusal comes after the handshake, and often only the hang-up is seen).
 * Asks with connections of its own; gives null when it finds nothing.
 */
export async function diagnoseClosed(
  endpoint: Endpoint,
  shown: ShownCertificate,
  timeoutMs: number,
): Promise<EndpointError | null> {
  const { hostname, port, secure, name } = endpoint;
  const probe = await probeTls(hostname, port, timeoutMs).catch(() => null);
  if (!probe) return null;
  if (!secure) {
    return probe.tls
      ? new EndpointError(
        "scheme",
        `The endpoint speaks TLS: use https://, not ${name}`,
      )
      : null;
  }
  if (!probe.tls) {
    return await speaksHttp(hostname, port, timeoutMs)
      ? new EndpointError(
        "scheme",
        `The endpoint speaks plain HTTP: use http://, not ${name}`,
      )
      : null;
  }
  return probe.asksClientCertificate ? clientCertificateError(shown) : null;
}

/** The sentence for a client certificate that is missing or refused. */
export function clientCertificateError(shown: ShownCertificate): EndpointError {
  return new EndpointError(
    "tls-client-certificate",
    shown.certfile
      ? `The server refuses the client certificate ${shown.certfile}: it must be within its validity, for client use, and signed by the server's trusted CA`
      : "The server requires a client certificate and none is configured (--etcd-certfile, --etcd-keyfile)",
  );
}

async function speaksHttp(
  hostname: string,
  port: number,
  timeoutMs: number,
): Promise<boolean> {
  let connection: Deno.Conn | undefined;
  const timer = setTimeout(() => connection?.close(), timeoutMs);
  try {
    connection = await Deno.connect({ hostname, port });
    await connection.write(
      new TextEncoder().encode(
        "GET /version HTTP/1.0\r\nConnection: close\r\n\r\n",
      ),
    );
    const head = new Uint8Array(5);
    const length = await connection.read(head) ?? 0;
    return new TextDecoder().decode(head.subarray(0, length)) === "HTTP/";
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
    try {
      connection?.close();
    } catch {
      // Closed by the timer.
    }
  }
}
