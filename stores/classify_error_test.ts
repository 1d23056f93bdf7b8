import assert from "node:assert/strict";
import { classifyError } from "./classify_error.ts";
import { parseEndpoint } from "./endpoint.ts";
import { EndpointError } from "./endpoint_error.ts";

const endpoint = parseEndpoint("https://127.0.0.1:2379");
const context = { endpoint, cafile: "ca.pem", certfile: "client.pem" };

/** As Deno 2.9 throws: the text is in the cause. */
function nested(text: string): Error {
  return new TypeError("fetch failed", { cause: new Error(text) });
}

const SEND =
  "error sending request for url (https://127.0.0.1:2379/version): client error (Connect): ";

Deno.test("classifyError() knows the words of rustls, hyper and the kernel", () => {
  const cases = [
    [
      "tcp connect error: Connection refused (os error 111)",
      "refused: Connection refused: nothing listens on 127.0.0.1:2379",
    ],
    [
      "dns error: failed to lookup address information: Name or service not known",
      'dns: Cannot resolve the host name "127.0.0.1"',
    ],
    [
      "tcp connect error: No route to host (os error 113)",
      "unreachable: No route to 127.0.0.1:2379, or a firewall rejects it",
    ],
    [
      "tcp connect error: Network is unreachable (os error 101)",
      "unreachable: No route to 127.0.0.1:2379, or a firewall rejects it",
    ],
    [
      "tcp connect error: Connection timed out (os error 110)",
      "timeout: No answer from 127.0.0.1:2379: the connection timed out",
    ],
    [
      "tcp connect error: Connection reset by peer (os error 104)",
      "closed: 127.0.0.1:2379 closed the connection without a complete answer",
    ],
    [
      "connection closed before message completed",
      "closed: 127.0.0.1:2379 closed the connection without a complete answer",
    ],
    [
      "tls handshake eof",
      "closed: 127.0.0.1:2379 closed the connection without a complete answer",
    ],
    [
      "error reading a body from connection",
      "closed: 127.0.0.1:2379 closed the connection without a complete answer",
    ],
    [
      "received corrupt message of type InvalidContentType",
      "scheme: The endpoint does not speak TLS: is https://127.0.0.1:2379 a plain http:// endpoint?",
    ],
    [
      "client error (SendRequest): received unexpected message from connection",
      "not-etcd: What listens on 127.0.0.1:2379 does not speak HTTP",
    ],
    [
      "invalid HTTP version parsed",
      "not-etcd: What listens on 127.0.0.1:2379 does not speak HTTP",
    ],
    [
      "received fatal alert: HandshakeFailure",
      "tls: The TLS handshake with 127.0.0.1:2379 failed",
    ],
    [
      "received fatal alert: ProtocolVersion",
      "tls: The TLS handshake with 127.0.0.1:2379 failed",
    ],
    ...["BadCertificate", "CertificateRequired", "UnknownCA"].map((alert) =>
      [
        `received fatal alert: ${alert}`,
        "tls-client-certificate: The server refuses the client certificate client.pem: it must be within its validity, for client use, and signed by the server's trusted CA",
      ] as const
    ),
    [
      "invalid peer certificate: UnknownIssuer",
      "tls-untrusted: The server's certificate is not signed by the CA in ca.pem",
    ],
    [
      "invalid peer certificate: CaUsedAsEndEntity",
      "tls-untrusted: The server's certificate is not accepted: CaUsedAsEndEntity",
    ],
    [
      "invalid peer certificate: Expired",
      "tls-expired: The server's certificate expired",
    ],
    [
      "invalid peer certificate: NotValidYet",
      "tls-expired: The server's certificate is not valid yet: is this host's clock right?",
    ],
    [
      'invalid peer certificate: certificate not valid for name "etcd"; certificate is only valid for DnsName("a"), DnsName("b") or IpAddress(fd00::1)',
      "tls-name: The server's certificate is not valid for 127.0.0.1: it names a, b, fd00::1",
    ],
    ["something new", `http: The request failed: ${SEND}something new`],
  ] as const;
  for (const [text, wanted] of cases) {
    for (const error of [nested(SEND + text), new TypeError(SEND + text)]) {
      const { kind, message } = classifyError(error, context);
      const said = `${kind}: ${message}`.replace("fetch failed: ", "");
      assert.equal(said, wanted);
    }
  }
});

Deno.test("classifyError() leaves what is classified alone", () => {
  const error = new EndpointError("auth", "no");
  assert.equal(classifyError(error, context), error);
});

Deno.test("classifyError() takes anything that was thrown", () => {
  const looped = new Error("loop");
  looped.cause = looped;
  for (const thing of [undefined, null, "text", 7, looped]) {
    assert.equal(classifyError(thing, context).kind, "http");
  }
});

Deno.test("classifyError() writes an IPv6 address in brackets", () => {
  const { message } = classifyError(new Error("Connection refused"), {
    ...context,
    endpoint: parseEndpoint("http://[fd00::1]:2379"),
  });
  assert.match(message, / \[fd00::1\]:2379$/);
});
