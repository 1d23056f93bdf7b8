import assert from "node:assert/strict";
import { reasonWords } from "./reason_words.ts";

Deno.test("reasonWords() leaves English as it is", () => {
  assert.equal(reasonWords(["not collected", "b"], "en"), "not collected; b");
});

Deno.test("reasonWords() says flandoc's own words in Chinese", async (t) => {
  const cases: [string, string][] = [
    ["not asked: --no-probe", "未探测（--no-probe）"],
    [
      "/run/flannel/subnet.env does not exist",
      "/run/flannel/subnet.env 不存在",
    ],
    [
      "no device here holds 172.7.21.1, the first address of this host's subnet",
      "本机没有网卡持有 172.7.21.1，即本机子网的首个地址",
    ],
    [
      "the leases could not be read: no answer in time from https://a:2379",
      "读不到租约：https://a:2379 没有及时应答",
    ],
    [
      "no external interface: Failed to find interface",
      "没有外部网卡：Failed to find interface",
    ],
    [
      "cannot tell what eth0 loses by a rule of netdev t c, handle 4: meta length > 1400 drop",
      "无法判断 eth0 是否因 netdev t c 中的规则丢失报文：meta length > 1400 drop",
    ],
    [
      "cannot tell whose 02:00:00:00:de:ad is, the MAC of a permanent neighbour entry for 192.168.1.11 on eth0: ee:ff:ff:ff:ff:ff answers",
      "无法判断 eth0 上 192.168.1.11 的永久邻居表项中的 MAC 02:00:00:00:de:ad 属于谁：应答的是 ee:ff:ff:ff:ff:ff",
    ],
    [
      "cannot tell whether docker0 attaches containers to this network: it has 172.7.77.1/24, inside 172.7.0.0/16 but not on this host's subnet 172.7.21.1/24, and nothing hangs on it",
      "无法判断 docker0 是否把容器接入本网络：其地址 172.7.77.1/24 在 172.7.0.0/16 之内，却不在本机子网 172.7.21.1/24 上，而且没有任何接口接入",
    ],
    [
      "cannot tell which of br0, br1 attaches containers to this network: none is on this host's subnet 172.7.21.1/24",
      "无法判断 br0, br1 中是哪一个把容器接入本网络：都不在本机子网 172.7.21.1/24 上",
    ],
    [
      "cannot tell which lease of 10.244.2.0-24 is this host's: 192.168.1.11, 192.168.1.12 have one",
      "无法判断 10.244.2.0-24 的哪一条租约属于本机：192.168.1.11, 192.168.1.12 各有一条",
    ],
    [
      "/etc/kube-flannel/net-conf.json is not there on this host, and its ConfigMap cannot be read: Cannot get configmaps",
      "本机没有 /etc/kube-flannel/net-conf.json（或为空），也读不到对应的 ConfigMap：Cannot get configmaps",
    ],
    [
      "/n.json is not there on this host, and the cluster has no ConfigMap kube-flannel-cfg in namespace kube-flannel or kube-system: --net-config-path says where the config is",
      "本机没有 /n.json（或为空），集群的 kube-flannel 和 kube-system 命名空间中也没有 ConfigMap kube-flannel-cfg：请用 --net-config-path 指明配置文件",
    ],
    [
      "/n.json is empty (flag --net-config-path)",
      "/n.json 不存在或为空（由 flag --net-config-path 指定）",
    ],
    ["Cannot dump routes: not permitted", "Cannot dump routes: not permitted"],
  ];
  for (const [reason, wanted] of cases) {
    await t.step(reason, () => {
      assert.equal(reasonWords([reason], "zh"), wanted);
    });
  }
});

Deno.test("reasonWords() joins several as Chinese does", () => {
  assert.equal(
    reasonWords(["not collected", "this network has no IPv4"], "zh"),
    "未采集；本网络没有启用 IPv4",
  );
});
