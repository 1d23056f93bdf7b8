import { atLeast } from "../version.ts";
import type { FlannelShape } from "./flannel_shapes.ts";

/**
 * The shape that a version of flannel makes.
 *
 * @param version as flannel writes it, `v0.11.0`
 * @param nftables whether the network config has EnableNFTables
 */
export function flannelShapeOf(
  version: string,
  nftables = false,
): FlannelShape {
  if (nftables && atLeast(version, "0.25.0")) return "nftables";
  if (atLeast(version, "0.21.0")) return "own-chains";
  if (atLeast(version, "0.20.0")) return "own-chains-inserted";
  if (atLeast(version, "0.8.0")) return "four-rules";
  return atLeast(version, "0.6.0") ? "three-rules" : "flannel-chain";
}
