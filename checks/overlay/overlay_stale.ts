import { canonicalAddress } from "../../flannel/address.ts";
import type { ExpectedState } from "../../flannel/expected_types.ts";
import { formatFdb, formatNeighbour } from "../../flannel/format.ts";
import type { FdbEntry, Neighbour } from "../../flannel/kernel.ts";
import type { Lease, LeaseRecord } from "../../flannel/lease.ts";
import { diffFdb, diffNeighbours } from "../../flannel/overlay_diff.ts";
import { parseLeases } from "../../flannel/parse_lease.ts";
import { valueOf } from "../../snapshot/fact.ts";
import { defineCheck, type Finding } from "../check.ts";
import { STATE_CAUSES } from "../records.ts";
import { flannelIssue, flannelPull } from "../sources.ts";
import { NO_VXLAN, unlessVxlan, vxlanNames } from "./overlay_facts.ts";

/** Entries shown. */
const SHOWN = 5;

/** Entries of one device, or of all. */
interface Entries {
  readonly neighbours: readonly Neighbour[];
  readonly fdb: readonly FdbEntry[];
}

/** Addresses in one spelling: a lease may have another than the kernel. */
function addressSet(
  texts: readonly (string | null | undefined)[],
): ReadonlySet<string | null> {
  return new Set(texts.map((text) => text ? canonicalAddress(text) : null));
}

/** Permanent entries for which no lease is there. */
function staleEntries(
  expected: ExpectedState,
  leases: readonly Lease[],
  { neighbours, fdb }: Entries,
): Entries {
  const devices = vxlanNames(expected);
  // What a former MAC or another backend left of a living peer harms nobody.
  const gateways = addressSet(
    leases.flatMap(({ subnet, ipv6Subnet }) =>
      [subnet, ipv6Subnet].map((cidr) => cidr?.split("/")[0])
    ),
  );
  const hosts = addressSet(
    leases.flatMap(({ attributes }) => [
      attributes.publicIP,
      attributes.publicIPv6,
    ]),
  );
  return {
    neighbours: diffNeighbours(expected.neighbours, neighbours, devices).stale
      .filter(({ address }) => !gateways.has(canonicalAddress(address))),
    fdb: diffFdb(expected.fdb, fdb, devices).stale
      .filter(({ dst }) => !hosts.has(dst && canonicalAddress(dst))),
  };
}

/** The finding of one device. */
function stale(device: string, { neighbours, fdb }: Entries): Finding {
  return {
    subject: device,
    arguments: { device, count: neighbours.length + fdb.length },
    evidence: [
      ...neighbours.map((entry) => ({
        label: "neighbour",
        text: formatNeighbour(entry),
      })),
      ...fdb.map((entry) => ({ label: "found", text: formatFdb(entry) })),
    ].slice(0, SHOWN),
    commands: [
      ...neighbours.map(({ address, family }) =>
        `${family === 4 ? "ip" : "ip -6"} neigh del ${address} dev ${device}`
      ),
      ...fdb.map(({ mac, dst }) =>
        `bridge fdb del ${mac} dev ${device} dst ${dst} self`
      ),
    ].slice(0, SHOWN),
  };
}

/** Whether some record cannot be read: its host's entries may be right. */
function isPartial(records: readonly LeaseRecord[]): boolean {
  return parseLeases(records).problems.length > 0;
}

/** FD510: entries of hosts that are gone. */
export const OVERLAY_STALE = defineCheck({
  code: "FD510",
  name: "overlay-stale",
  severity: "warning",
  needs: ["expected", "leases", "leaseRecords", "neighbours", "fdb"],
  after: [...STATE_CAUSES, "FD204", "FD505"],
  applies(facts) {
    const records = valueOf(facts.leaseRecords);
    return unlessVxlan(facts) ??
      (records && isPartial(records) ? "unread-lease" : undefined);
  },
  judge({ expected, leases, neighbours, fdb }): Finding[] {
    const all = staleEntries(expected, leases, { neighbours, fdb });
    return [...vxlanNames(expected)].flatMap((name) => {
      const isOn = ({ device }: { device: string }) => device === name;
      const entries = {
        neighbours: all.neighbours.filter(isOn),
        fdb: all.fdb.filter(isOn),
      };
      const count = entries.neighbours.length + entries.fdb.length;
      return count === 0 ? [] : [stale(name, entries)];
    });
  },
  text: {
    en: {
      title: "Entries of hosts that are gone",
      messages: {
        default:
          "{count} permanent neighbour or FDB entries on {device} belong to no lease: the hosts they lead to are gone.",
      },
      meaning:
        "flanneld takes a peer's entries away when it sees the lease go, and never again: what vanished while it did not run stays until the device is made anew. Such entries do no harm by themselves until another host gets the subnet or the address.",
      symptoms:
        "`ip neigh show dev flannel.1` and `bridge fdb show dev flannel.1` list more hosts than there are leases.",
      repair:
        `Look once more whether the records are whole (\`flandoc check\` says nothing of FD2xx), then delete:
  ip neigh del 172.7.77.0 dev flannel.1
  bridge fdb del 0e:5a:d2:4b:12:99 dev flannel.1 dst 192.168.1.77 self`,
      skips: {
        ...NO_VXLAN.en,
        "unread-lease": "a lease cannot be read, whose entries may be right",
      },
    },
    zh: {
      title: "已消失主机的残留表项",
      messages: {
        default:
          "{device} 上有 {count} 条永久的邻居或 FDB 表项不属于任何租约：它们指向的主机已经不在了。",
      },
      meaning:
        "flanneld 看到租约消失时会清除该对端的表项，但只此一次：它没有运行期间消失的，会一直留到设备重建。在别的主机得到该子网或地址之前，这些表项本身没有害处。",
      symptoms:
        "`ip neigh show dev flannel.1` 和 `bridge fdb show dev flannel.1` 列出的主机比租约多。",
      repair:
        `先再次确认记录是完整的（\`flandoc check\` 没有报告 FD2xx），然后删除：
  ip neigh del 172.7.77.0 dev flannel.1
  bridge fdb del 0e:5a:d2:4b:12:99 dev flannel.1 dst 192.168.1.77 self`,
      skips: {
        ...NO_VXLAN.zh,
        "unread-lease": "有租约无法读取，相应的表项可能是对的",
      },
    },
  },
  sources: [flannelIssue(533), flannelIssue(654), flannelPull(1247)],
});
