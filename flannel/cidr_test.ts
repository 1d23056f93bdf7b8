import assert from "node:assert/strict";
import { leastCpuTime } from "../tests/support/cpu_time.ts";
import {
  addressAt,
  canonicalCidr,
  contains,
  containsAddress,
  formatCidr,
  hostCidr,
  overlaps,
  parseCidr,
  sameAddress,
  tryParseCidr,
} from "./cidr.ts";

Deno.test("parseCidr() masks host bits off", async (t) => {
  const table: [string, string][] = [
    ["10.5.0.9/16", "10.5.0.0/16"],
    ["10.5.1.255/24", "10.5.1.0/24"],
    ["255.255.255.255/0", "0.0.0.0/0"],
    ["192.168.77.1/32", "192.168.77.1/32"],
    ["172.7.21.130/26", "172.7.21.128/26"],
    ["fd00:12:13:1::5/48", "fd00:12:13::/48"],
    ["::1/0", "::/0"],
    ["fd00::1/128", "fd00::1/128"],
  ];
  for (const [text, canonical] of table) {
    await t.step(text, () => {
      assert.equal(formatCidr(parseCidr(text)), canonical);
      assert.equal(canonicalCidr(canonical), canonical);
    });
  }
});

Deno.test("parseCidr() rejects what net.ParseCIDR rejects", async (t) => {
  const bad = [
    "10.5.0.0",
    "10.5.0.0/33",
    "10.5.0.0/-1",
    "10.5.0.0/",
    "10.5.0.0/08",
    "10.5.0.0/ 8",
    "10.5.0.0/8/8",
    "/8",
    "fd00::/129",
    "10.05.0.0/16",
    "",
  ];
  for (const text of bad) {
    await t.step(text || "empty", () => {
      assert.equal(tryParseCidr(text), null);
      assert.throws(() => parseCidr(text), {
        name: "SyntaxError",
        message: `Cannot parse CIDR: expected "ADDRESS/LENGTH", got "${text}"`,
      });
    });
  }
});

Deno.test("contains() and overlaps() compare inclusive ranges", async (t) => {
  const table: [string, string, boolean, boolean][] = [
    ["10.0.0.0/8", "10.5.0.0/16", true, true],
    ["10.5.0.0/16", "10.0.0.0/8", false, true],
    ["10.5.0.0/24", "10.5.1.0/24", false, false],
    ["10.5.0.0/24", "10.5.0.255/32", true, true],
    ["0.0.0.0/0", "255.255.255.255/32", true, true],
    ["0.0.0.0/0", "::/0", false, false],
    ["fd00::/48", "fd00:0:0:ffff::/64", true, true],
    ["fd00::/48", "fd00:0:1::/64", false, false],
  ];
  for (const [a, b, holds, meets] of table) {
    await t.step(`${a} ${b}`, () => {
      assert.equal(contains(parseCidr(a), parseCidr(b)), holds);
      assert.equal(overlaps(parseCidr(a), parseCidr(b)), meets);
      assert.equal(overlaps(parseCidr(b), parseCidr(a)), meets);
    });
  }
});

Deno.test("containment holds exactly when every edge address is held", () => {
  const lengths = [0, 1, 8, 15, 22, 24, 26, 31, 32];
  const bases = ["10.5.0.0", "10.5.255.255", "128.0.0.1", "255.255.255.255"];
  const blocks = bases.flatMap((b) =>
    lengths.map((l) => parseCidr(`${b}/${l}`))
  );
  for (const a of blocks) {
    for (const b of blocks) {
      const first = addressAt(b, 0);
      const last = addressAt(b, Number(b.end) - Number(b.start));
      const both = containsAddress(a, first) && containsAddress(a, last);
      assert.equal(contains(a, b), both, `${formatCidr(a)} ${formatCidr(b)}`);
    }
  }
});

Deno.test("addressAt() counts from the network address", () => {
  assert.equal(addressAt(parseCidr("10.5.1.0/24"), 1), "10.5.1.1");
  assert.equal(addressAt(parseCidr("fd00:0:0:1::/64"), 1), "fd00:0:0:1::1");
});

Deno.test("hostCidr() and sameAddress() ignore spelling", () => {
  assert.equal(formatCidr(hostCidr("10.0.0.1")!), "10.0.0.1/32");
  assert.equal(formatCidr(hostCidr("FD00::1")!), "fd00::1/128");
  assert.equal(hostCidr("x"), null);
  assert.ok(sameAddress("FD00:0::1", "fd00::1"));
  assert.ok(sameAddress(null, null));
  assert.ok(!sameAddress(null, "10.0.0.1"));
  assert.ok(!sameAddress("10.0.0.1", "10.0.0.2"));
});

Deno.test("parseCidr() reads 5,000 leases in a few milliseconds", () => {
  const texts = Array.from(
    { length: 5000 },
    (_, i) => `10.${i >> 8}.${i & 255}.0/24`,
  );
  for (const text of texts) parseCidr(text);
  const elapsed = leastCpuTime(() => {
    for (const text of texts) parseCidr(text);
  });
  // Measured 1 to 3 ms.
  assert.ok(elapsed < 50, `${elapsed} ms`);
});
