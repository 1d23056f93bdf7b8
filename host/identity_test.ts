import "../tests/support/load_files.ts";
import assert from "node:assert/strict";
import { isKnown } from "../snapshot/fact.ts";
import {
  bootTime,
  cloudOf,
  type Dmi,
  osReleaseValue,
  readHost,
} from "./identity.ts";

Deno.test("cloudOf() tells clouds by DMI strings", async (t) => {
  const none: Dmi = {
    sys_vendor: null,
    product_name: null,
    bios_version: null,
    chassis_asset_tag: null,
  };
  const cases: readonly (readonly [Partial<Dmi>, string | null])[] = [
    [
      { sys_vendor: "Alibaba Cloud", product_name: "Alibaba Cloud ECS" },
      "alibaba",
    ],
    [{ sys_vendor: "Amazon EC2", product_name: "m5.large" }, "aws"],
    [{ sys_vendor: "Xen", bios_version: "4.11.amazon" }, "aws"],
    [{
      sys_vendor: "Microsoft Corporation",
      chassis_asset_tag: "7783-7084-3265-9085-8269-3286-77",
    }, "azure"],
    [{ sys_vendor: "Microsoft Corporation" }, null],
    [{ sys_vendor: "Google", product_name: "Google Compute Engine" }, "gce"],
    [{ sys_vendor: "Tencent Cloud", product_name: "CVM" }, "tencent"],
    [{ sys_vendor: "Red Hat", product_name: "OpenStack Compute" }, "openstack"],
    [{ sys_vendor: "QEMU", product_name: "Standard PC" }, null],
    [{}, null],
  ];
  for (const [strings, cloud] of cases) {
    await t.step(JSON.stringify(strings), () => {
      assert.equal(cloudOf({ ...none, ...strings }), cloud);
    });
  }
});

Deno.test("osReleaseValue() takes quotes off", () => {
  const text = 'NAME="Debian \\"x\\""\nID=debian\nPRETTY_NAME=\'A B\'\n';
  assert.equal(osReleaseValue(text, "NAME"), 'Debian "x"');
  assert.equal(osReleaseValue(text, "ID"), "debian");
  assert.equal(osReleaseValue(text, "PRETTY_NAME"), "A B");
  assert.equal(osReleaseValue(text, "VERSION"), null);
});

Deno.test("bootTime() lies in the past", () => {
  const booted = bootTime();
  assert.ok(booted !== null && booted * 1000 < Date.now());
});

Deno.test("readHost() knows this machine", () => {
  const now = new Date("2026-11-22T06:00:00Z");
  const host = readHost(now);
  assert.ok(isKnown(host));
  assert.equal(host.known.hostname, Deno.hostname());
  assert.equal(host.known.kernel, Deno.osRelease());
  assert.equal(host.known.uid, Deno.uid());
  assert.equal(host.known.taken, "2026-11-22T06:00:00.000Z");
  assert.match(host.known.netns, /^\d+$/);
});
