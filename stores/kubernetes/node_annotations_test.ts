import assert from "node:assert/strict";
import type { LeaseAttributes } from "../../flannel/lease.ts";
import { annotationNames } from "./annotations.ts";
import { differingAnnotations, wantedAnnotations } from "./node_annotations.ts";

const NAMES = annotationNames("p.x");

const PLAIN: LeaseAttributes = {
  publicIP: "192.168.1.10",
  publicIPv6: null,
  backendType: "host-gw",
  backendData: null,
  backendV6Data: null,
};

function wanted(
  attributes: Partial<LeaseAttributes>,
  annotations: Readonly<Record<string, string>> = {},
): string[] {
  return Object.entries(
    wantedAnnotations({ ...PLAIN, ...attributes }, NAMES, { annotations }),
  ).map(([name, value]) => `${name.slice(4)}=${value}`).sort();
}

const VTEP = { VNI: 1, VtepMAC: "aa:bb:cc:dd:ee:ff" };
const VTEP6 = { VNI: 1, VtepMAC: "aa:bb:cc:dd:ee:66" };

Deno.test("wantedAnnotations() writes flannel's bytes", async (t) => {
  const managed = "kube-subnet-manager=true";
  const ip = "public-ip=192.168.1.10";
  const cases: readonly (readonly [
    string,
    Partial<LeaseAttributes>,
    readonly string[],
  ])[] = [
    ["host-gw", {}, ["backend-data=null", "backend-type=host-gw", managed, ip]],
    ["alloc", { backendType: "" }, [
      "backend-data=null",
      "backend-type=",
      managed,
      ip,
    ]],
    ["vxlan", { backendType: "vxlan", backendData: VTEP }, [
      'backend-data={"VNI":1,"VtepMAC":"aa:bb:cc:dd:ee:ff"}',
      "backend-type=vxlan",
      managed,
      ip,
    ]],
    ["host-gw, dual", { publicIPv6: "fd01::1" }, [
      "backend-data=null",
      "backend-type=host-gw",
      "backend-v6-data=null",
      managed,
      ip,
      "public-ipv6=fd01::1",
    ]],
    ["vxlan, IPv6 only", {
      backendType: "vxlan",
      publicIP: "0.0.0.0",
      publicIPv6: "fd01::1",
      backendV6Data: VTEP6,
    }, [
      "backend-type=vxlan",
      'backend-v6-data={"VNI":1,"VtepMAC":"aa:bb:cc:dd:ee:66"}',
      managed,
      "public-ipv6=fd01::1",
    ]],
    ["alloc with an IPv6 address", { backendType: "", publicIPv6: "fd01::1" }, [
      "backend-data=null",
      "backend-type=",
      managed,
      ip,
    ]],
  ];
  for (const [name, attributes, list] of cases) {
    await t.step(name, () => assert.deepEqual(wanted(attributes), list));
  }
});

Deno.test("wantedAnnotations() lets the overwrite annotations replace addresses", () => {
  const list = wanted({ publicIPv6: "fd01::1" }, {
    "p.x/public-ip-overwrite": "203.0.113.9",
    "p.x/public-ipv6-overwrite": "2001:db8::9",
  });
  assert.ok(list.includes("public-ip=203.0.113.9"));
  assert.ok(list.includes("public-ipv6=2001:db8::9"));
});

Deno.test("differingAnnotations() names only what is to be written", () => {
  const want = wantedAnnotations(PLAIN, NAMES, { annotations: {} });
  const annotations = { ...want, "p.x/public-ip": "10.0.0.1", other: "x" };
  assert.deepEqual(differingAnnotations(want, { annotations }), {
    "p.x/public-ip": "192.168.1.10",
  });
  assert.deepEqual(differingAnnotations(want, { annotations: want }), {});
});
