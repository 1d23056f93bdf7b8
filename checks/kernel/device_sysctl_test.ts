import { deepStrictEqual } from "node:assert/strict";
import { deviceSysctl, setSysctlCommands } from "./device_sysctl.ts";

Deno.test("deviceSysctl() turns the dot of a device name into a slash", () => {
  deepStrictEqual(
    [
      deviceSysctl("eth0", "rp_filter"),
      deviceSysctl("flannel.1", "forwarding"),
      deviceSysctl("flannel-v6.1", "forwarding", 6),
    ],
    [
      "net.ipv4.conf.eth0.rp_filter",
      "net.ipv4.conf.flannel/1.forwarding",
      "net.ipv6.conf.flannel-v6/1.forwarding",
    ],
  );
});

Deno.test("setSysctlCommands() sets the value now and at boot", () => {
  deepStrictEqual(setSysctlCommands("net.ipv4.ip_forward", "1"), [
    "sysctl -w net.ipv4.ip_forward=1",
    "echo 'net.ipv4.ip_forward = 1' >> /etc/sysctl.d/zz-flandoc.conf",
  ]);
});
