import assert from "node:assert/strict";
import { onlyLooks } from "./looks.ts";

Deno.test("onlyLooks() tells looking from changing", async (t) => {
  const cases: Readonly<Record<string, boolean>> = {
    "arping -D -c 3 -I eth0 192.168.1.11": true,
    "ETCDCTL_API=2 etcdctl --endpoints=http://a:2379 get /coreos.com/network/config":
      true,
    "ETCDCTL_API=2 etcdctl --endpoints=http://a:2379 set /get '{}'": false,
    "ETCDCTL_API=3 etcdctl --endpoints=http://a:2379 put /k '{}'": false,
    "ETCDCTL_API=3 etcdctl get --prefix --keys-only /coreos.com": true,
    "ip route get 172.7.22.1": true,
    "ip -4 address": true,
    "ip -4 address show dev eth0": true,
    "ip link show type bridge": true,
    "ip link set docker0 up": false,
    "ip route del 172.7.22.0/25 via 192.168.1.1 dev eth0": false,
    "ip rule add pref 100 to 172.7.0.0/16 lookup main": false,
    "docker network inspect web": true,
    "docker network rm web": false,
    "systemctl status 812": true,
    "systemctl restart flanneld": false,
    "sysctl net.ipv4.ip_forward": true,
    "sysctl -w net.ipv4.ip_forward=1": false,
    "kubectl -n kube-flannel get pods": true,
    "kubectl -n kube-flannel edit configmap kube-flannel-cfg": false,
    "iptables -t nat -D POSTROUTING 1": false,
    "cat -A /run/flannel/subnet.env": true,
    "rmdir /run/flannel/subnet.env": false,
    "openssl x509 -in a.pem -noout -dates": true,
  };
  for (const [command, looks] of Object.entries(cases)) {
    await t.step(command, () => assert.equal(onlyLooks(command), looks));
  }
});
