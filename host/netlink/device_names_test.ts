import assert from "node:assert/strict";
import { deviceIndexOf } from "./device_index.ts";
import { DeviceNames } from "./device_names.ts";
import { NoSuchDevice } from "./encode_change.ts";

Deno.test("DeviceNames prints an index without a name as if12", () => {
  const names = new DeviceNames();
  names.set(2, "eth0");
  assert.equal(names.name(2), "eth0");
  assert.equal(names.name(12), "if12");
  assert.equal(names.nameOrNull(0), null);
  assert.equal(names.nameOrNull(2), "eth0");
});

Deno.test("DeviceNames follows a rename and a deletion", () => {
  const names = new DeviceNames();
  names.set(2, "eth0");
  names.set(2, "wan");
  assert.equal(names.index("eth0"), undefined);
  assert.equal(names.index("wan"), 2);
  names.delete(2);
  assert.equal(names.index("wan"), undefined);
  names.delete(2);
});

Deno.test("DeviceNames keeps a name that passed to another device", () => {
  const names = new DeviceNames();
  names.set(2, "eth0");
  names.set(3, "eth0");
  names.delete(2);
  assert.equal(names.index("eth0"), 3);
});

Deno.test("DeviceNames.clear() forgets every device", () => {
  const names = new DeviceNames();
  names.set(2, "eth0");
  names.clear();
  assert.equal(names.name(2), "if2");
  assert.equal(names.index("eth0"), undefined);
});

Deno.test("deviceIndexOf() throws NoSuchDevice for an unknown name", () => {
  const names = new DeviceNames();
  names.set(2, "eth0");
  assert.equal(deviceIndexOf(names)("eth0"), 2);
  assert.throws(() => deviceIndexOf(names)("eth1"), NoSuchDevice);
});
