import assert from "node:assert/strict";
import { endpointUrl, parseEndpoint } from "./endpoint.ts";
import { EndpointError } from "./endpoint_error.ts";

Deno.test("parseEndpoint() takes URLs apart", () => {
  const cases = [
    ["https://172.26.216.164:2379", "172.26.216.164", 2379, true],
    [" http://127.0.0.1:4001/ ", "127.0.0.1", 4001, false],
    ["https://[fd00::1]:2379", "fd00::1", 2379, true],
    ["http://etcd.example", "etcd.example", 80, false],
    ["https://etcd.example", "etcd.example", 443, true],
    ["HTTPS://Etcd.Example:2379", "etcd.example", 2379, true],
  ] as const;
  for (const [text, hostname, port, secure] of cases) {
    const endpoint = parseEndpoint(text);
    assert.deepEqual(
      [endpoint.hostname, endpoint.port, endpoint.secure],
      [hostname, port, secure],
    );
    assert.equal(endpoint.name.endsWith("/"), false);
  }
});

Deno.test("parseEndpoint() keeps a path and drops its slash", () => {
  const endpoint = parseEndpoint("http://proxy:80/etcd/");
  assert.equal(endpointUrl(endpoint, "/version"), "http://proxy/etcd/version");
});

Deno.test("parseEndpoint() adds the scheme that the certificates ask for", () => {
  assert.equal(parseEndpoint("10.0.0.1:2379").name, "http://10.0.0.1:2379");
  assert.equal(
    parseEndpoint("10.0.0.1:2379", true).name,
    "https://10.0.0.1:2379",
  );
});

Deno.test("parseEndpoint() names no user and no password", () => {
  const endpoint = parseEndpoint("https://root:p%40ss@10.0.0.1:2379");
  assert.equal(endpoint.name, "https://10.0.0.1:2379");
  assert.equal(endpoint.base, "https://10.0.0.1:2379");
  assert.deepEqual([endpoint.username, endpoint.password], ["root", "p@ss"]);
  assert.equal(parseEndpoint("unix://root:secret@x").name, "unix://x");
  assert.equal(parseEndpoint("http://root:%zz@x").password, "%zz");
});

Deno.test("endpointUrl() refuses what is no URL", () => {
  for (
    const text of ["", "http://", "unix:///run/etcd", "ftp://a", "http://a b"]
  ) {
    const endpoint = parseEndpoint(text);
    assert.equal(endpoint.base, null, text);
    assert.throws(
      () => endpointUrl(endpoint, "/version"),
      (error) => error instanceof EndpointError && error.kind === "invalid",
    );
  }
});
