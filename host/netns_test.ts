import assert from "node:assert/strict";
import { needs } from "../tests/support/needs.ts";
import { TestNetns } from "../tests/support/netns.ts";
import { inNetns, openNetns } from "./netns.ts";
import { libc } from "./libc.ts";

function current(): string {
  return Deno.readLinkSync("/proc/thread-self/ns/net");
}

Deno.test({
  name: "inNetns() runs inside and comes back",
  ...needs({ netns: true }),
  async fn(t) {
    using netns = new TestNetns();
    const here = current();
    await t.step("with the result", () => {
      const there = inNetns(netns.name, current);
      assert.notEqual(there, here);
      assert.equal(current(), here);
      const path = `/var/run/netns/${netns.name}`;
      assert.equal(inNetns(path, current), there);
    });
    await t.step("with an error", () => {
      assert.throws(() =>
        inNetns(netns.name, () => {
          throw new Error("inside");
        }), { message: "inside" });
      assert.equal(current(), here);
    });
    await t.step("refusing a promise", () => {
      assert.throws(
        () => inNetns(netns.name, () => Promise.resolve()),
        TypeError,
      );
      assert.equal(current(), here);
    });
    await t.step("nested", () => {
      using other = new TestNetns();
      const seen = inNetns(netns.name, () => {
        const inner = inNetns(other.name, current);
        return [inner, current()];
      });
      assert.equal(seen[1], inNetns(netns.name, current));
      assert.notEqual(seen[0], seen[1]);
      assert.equal(current(), here);
    });
  },
});

Deno.test("openNetns() says which namespace is missing", () => {
  assert.throws(() => openNetns("fd-none"), {
    code: "ENOENT",
    message: /open network namespace "fd-none"/,
  });
});

Deno.test("openNetns() opens a path", () => {
  const fd = openNetns("/proc/self/ns/net");
  assert.ok(fd > 2);
  libc().close(fd);
});
