/**
 * Names of the nftables tables of a network namespace, asked over netlink: no
 * program is started on a host that has none, and a host without `nft` still
 * tells whether there is anything it cannot show.
 *
 * @module
 */
import * as k from "../netlink/constants.ts";
import { readAnswer } from "../netlink/error_message.ts";
import { MessageBuilder } from "../netlink/message_builder.ts";
import { MessageReader } from "../netlink/message_reader.ts";
import { NetlinkSocket } from "../netlink/netlink_socket.ts";
import { readText, statusOf } from "../raw_files.ts";
import { SystemError } from "../system_error.ts";

/** A table by family (`ip`, `ip6`, `inet`, …) and name. */
export interface NftTableName {
  readonly family: string;
  readonly name: string;
}

const NETLINK_NETFILTER = 12;
/** `NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETTABLE`. */
const GET_TABLE = (10 << 8) | 1;
const NFTA_TABLE_NAME = 1;
/** `struct nfgenmsg`. */
const HEADER_SIZE = 4;
const EINTR = 4;
const EINVAL = 22;
const EOPNOTSUPP = 95;
const ATTEMPTS = 10;

/** `NFPROTO_…` as nft writes it. */
const FAMILIES: Readonly<Record<number, string>> = {
  1: "inet",
  2: "ip",
  3: "arp",
  5: "netdev",
  7: "bridge",
  10: "ip6",
};

/**
 * Whether the kernel has nf_tables at this moment. Asking nf_tables anything
 * makes the kernel load the module, so this is looked up in files first; null
 * when they do not tell.
 */
function isLoaded(): boolean | null {
  if (statusOf("/sys/module/nf_tables") !== null) return true;
  try {
    if (/^nf_tables /m.test(readText("/proc/modules"))) return true;
    const release = readText("/proc/sys/kernel/osrelease").trim();
    const builtin = readText(`/lib/modules/${release}/modules.builtin`);
    return /\/nf_tables\.ko$/m.test(builtin);
  } catch {
    // No loadable modules in this kernel, or its directory is out of sight.
    return null;
  }
}

function request(): Uint8Array<ArrayBuffer> {
  const builder = new MessageBuilder();
  builder.begin(GET_TABLE, k.NLM_F_REQUEST | k.NLM_F_DUMP, 1).u32(0).end();
  return builder.bytes();
}

/** One dump; null when the tables changed under it. */
function dumpOnce(socket: NetlinkSocket): NftTableName[] | null {
  const tables: NftTableName[] = [];
  let torn = false;
  socket.send(request());
  for (;;) {
    const datagram = socket.receive(true);
    if (typeof datagram === "string") {
      throw new SystemError("list nftables tables", EINTR, `it is ${datagram}`);
    }
    const message = new MessageReader(datagram);
    while (message.next()) {
      torn ||= (message.flags & k.NLM_F_DUMP_INTR) !== 0;
      if (message.type === k.NLMSG_DONE || message.type === k.NLMSG_ERROR) {
        const { errno } = readAnswer(message);
        if (errno === EINTR) torn = true;
        else if (errno !== 0) {
          throw new SystemError("list nftables tables", errno);
        }
        return torn ? null : tables;
      }
      const family = FAMILIES[message.u8(0)] ?? String(message.u8(0));
      const attributes = message.attributes(HEADER_SIZE);
      while (attributes.next()) {
        if (attributes.type === NFTA_TABLE_NAME) {
          tables.push({ family, name: attributes.text() });
        }
      }
    }
  }
}

/**
 * Every nftables table of a namespace; none when the kernel has no nf_tables.
 *
 * @param netns by name or path; the thread's own when absent
 * @throws {SystemError} when the kernel refuses: EPERM without CAP_NET_ADMIN
 */
export function listNftTables(netns?: string): NftTableName[] {
  if (isLoaded() === false) return [];
  try {
    using socket = new NetlinkSocket({
      protocol: NETLINK_NETFILTER,
      ...(netns === undefined ? {} : { netns }),
    });
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const tables = dumpOnce(socket);
      if (tables !== null) return tables;
    }
    throw new SystemError(
      "list nftables tables",
      EINTR,
      `they changed during each of ${ATTEMPTS} attempts`,
    );
  } catch (error) {
    // EINVAL: no such nfnetlink subsystem; EPROTONOSUPPORT: no nfnetlink.
    if (
      error instanceof SystemError &&
      (error.errno === EINVAL || error.errno === EOPNOTSUPP ||
        error.code === "EPROTONOSUPPORT")
    ) return [];
    throw error;
  }
}
