import assert from "node:assert/strict";
import { expectedState } from "../flannel/expected.ts";
import { parseCidr } from "../flannel/cidr.ts";
import type { ExpectedState } from "../flannel/expected_types.ts";
import type { Lease } from "../flannel/lease.ts";
import { parseNetworkConfig } from "../flannel/network_config.ts";
import { parseLease } from "../flannel/parse_lease.ts";
import { PeerBook } from "./peer_book.ts";

const MAC = "02:00:00:00:00:0a";

function lease(key: string, PublicIP: string, VtepMAC = MAC): Lease {
  const value = { PublicIP, BackendType: "vxlan", BackendData: { VtepMAC } };
  return parseLease({ key, value: JSON.stringify(value), ttl: 1 }) as Lease;
}

function state(...leases: Lease[]): ExpectedState {
  const result = expectedState({
    config: parseNetworkConfig(
      '{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan"}}',
    ).config!,
    leases,
    node: {
      device: "eth0",
      deviceMtu: 1500,
      address: "192.168.1.10",
      ipv6Address: null,
      publicIP: "192.168.1.10",
      publicIPv6: null,
      lease: null,
    },
  });
  assert.ok("state" in result);
  return result.state;
}

function newBook(): PeerBook {
  return new PeerBook((each) => state(each));
}

Deno.test("PeerBook.change() does not judge a MAC that two leases share", async (t) => {
  const before = lease("10.5.2.0-24", "192.168.1.11");
  const moved = lease("10.5.3.0-24", "192.168.1.11");
  await t.step("the new lease comes, the old one goes", () => {
    const book = newBook();
    book.replace(state(before));
    assert.equal(book.change(moved.key, moved), null);
    assert.equal(book.change(before.key, null), null);
    // Alone again.
    assert.deepEqual(book.change(moved.key, moved), []);
  });
  await t.step("the old lease goes first", () => {
    const book = newBook();
    book.replace(state(before));
    assert.equal(book.change(before.key, null)?.length, 3);
    assert.equal(book.change(moved.key, moved)?.length, 3);
  });
  await t.step("a peer takes another's MAC", () => {
    const other = lease("10.5.4.0-24", "192.168.1.12", "02:00:00:00:00:0b");
    const book = newBook();
    book.replace(state(before, other));
    const same = lease(other.key, "192.168.1.12");
    assert.equal(book.change(other.key, same), null);
  });
});

Deno.test("PeerBook knows the destinations of all routes", () => {
  const book = newBook();
  const [a, b] = [
    lease("10.5.2.0-24", "192.168.1.11"),
    lease("10.5.3.0-24", "192.168.1.12", "02:00:00:00:00:0b"),
  ];
  const known = () =>
    ["10.5.2.0/24", "10.5.3.0/24"].filter((dst) => book.has(dst));
  book.replace(state(a));
  book.change(b.key, b);
  assert.deepEqual(known(), ["10.5.2.0/24", "10.5.3.0/24"]);
  book.change(a.key, null);
  assert.deepEqual(known(), ["10.5.3.0/24"]);
  book.replace(state(a));
  assert.deepEqual(known(), ["10.5.2.0/24"]);
  assert.equal(book.routeTo("10.5.2.0/24")?.gateway, "10.5.2.0");
  assert.equal(book.routeTo("10.5.3.0/24"), null);
  const holding = (block: string) => book.holding(parseCidr(block))?.dst;
  assert.equal(holding("10.5.2.128/25"), "10.5.2.0/24");
  assert.equal(holding("10.5.2.0/23"), undefined);
});

Deno.test("PeerBook.fdbDestination() follows the peers", async (t) => {
  const one = lease("10.5.2.0-24", "192.168.1.11");
  const rival = lease("10.5.3.0-24", "192.168.1.12");
  const entry = { device: "flannel.1", mac: MAC };
  const book = newBook();
  book.replace(state(one));
  await t.step("one peer's", () => {
    assert.equal(book.fdbDestination(entry), "192.168.1.11");
  });
  await t.step("another MAC is nobody's", () => {
    const mac = "02:00:00:00:00:0b";
    assert.equal(book.fdbDestination({ ...entry, mac }), null);
  });
  await t.step("unknown while two want it differently", () => {
    book.change(rival.key, rival);
    assert.equal(book.fdbDestination(entry), null);
    book.change(one.key, null);
    assert.equal(book.fdbDestination(entry), "192.168.1.12");
  });
});
