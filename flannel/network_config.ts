/**
 * flannel's network config: parsing and validation by flannel's own rules.
 *
 * @module
 */
import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from "./address.ts";
import { type Cidr, formatCidr, splitCidr } from "./cidr.ts";
import {
  backendSpecification,
  CONFIG_OPTIONS,
  type ConfigOption,
  isKnownTo,
  nearestName,
} from "./config_options.ts";
import type {
  ConfigProblem,
  ConfigProblemCode,
  NotCanonical,
  UnknownOption,
} from "./config_problem.ts";
import {
  type JsonMember,
  type JsonNode,
  JsonSyntaxError,
  jsonValue,
  parseJsonTree,
  positionAt,
} from "./json_tree.ts";
import type {
  NetworkConfig,
  SubnetRange,
  VxlanOptions,
} from "./network_config_types.ts";
import { deriveSubnetRange, unvalidatedRange } from "./subnet_range.ts";
import { atLeast, FLANNEL_LATEST } from "./version.ts";

/** How a config is read. */
export interface NetworkConfigOptions {
  /** Release whose rules hold. @default FLANNEL_LATEST */
  readonly flannelVersion?: string;
  /**
   * Where it comes from: from v0.20 on flannel validates ranges for etcd only.
   * @default "etcd"
   */
  readonly store?: "etcd" | "kubernetes";
}

/** A config as read: usable when `config` is not null. */
export interface ParsedNetworkConfig {
  /** Null when flanneld would refuse it. */
  readonly config: NetworkConfig | null;
  /** Every reason why flanneld refuses it, in the order of the rules. */
  readonly problems: readonly ConfigProblem[];
  /** Options this release ignores. */
  readonly unknownOptions: readonly UnknownOption[];
  /** CIDRs with host bits. */
  readonly notCanonical: readonly NotCanonical[];
}

/** Longest value that a problem repeats. */
const SHOWN = 80;

/** Decoder of one config text; collects what is wrong on the way. */
class ConfigReader {
  readonly problems: ConfigProblem[] = [];
  readonly unknownOptions: UnknownOption[] = [];
  readonly notCanonical: NotCanonical[] = [];
  readonly #text: string;
  readonly #version: string;

  constructor(text: string, version: string) {
    this.#text = text;
    this.#version = version;
  }

  #written(node: JsonNode): string {
    if (node.kind === "number") return node.text;
    const text = JSON.stringify(jsonValue(node));
    return text.length <= SHOWN ? text : `${text.slice(0, SHOWN)}…`;
  }

  report(
    code: ConfigProblemCode,
    option: string,
    node: JsonNode | null,
    wanted: string,
    message: string,
  ): null {
    this.problems.push({
      code,
      option,
      value: node === null ? null : this.#written(node),
      wanted,
      message,
      position: node === null ? null : positionAt(this.#text, node.offset),
    });
    return null;
  }

  wrongType(option: string, node: JsonNode, wanted: string): null {
    const message = `Cannot decode ${option}: expected ${wanted}, got ${
      this.#written(node)
    }`;
    return this.report("wrong-type", option, node, wanted, message);
  }

  /** Members by known name: matched whatever their case, the last one wins. */
  members(
    members: readonly JsonMember[],
    options: readonly ConfigOption[],
    path: string,
  ): Map<string, JsonNode> {
    const found = new Map<string, JsonNode>();
    const byName = new Map(options.map((o) => [o.name.toLowerCase(), o]));
    const names = options.filter((o) => isKnownTo(o, this.#version))
      .map((o) => o.name);
    for (const { name, value, offset } of members) {
      const option = byName.get(name.toLowerCase());
      if (option !== undefined && isKnownTo(option, this.#version)) {
        // Go leaves a field as it is for null, save for those that decode
        // themselves (Network and the like).
        if (
          value.kind === "null" && /^(bool|u?int|string)$/.test(option.type)
        ) {
          continue;
        }
        found.set(option.name, value);
        continue;
      }
      this.unknownOptions.push({
        option: path + name,
        since: option?.since ?? null,
        nearest: option === undefined ? nearestName(name, names) : null,
        position: positionAt(this.#text, offset),
      });
    }
    return found;
  }

  bool(option: string, node: JsonNode | undefined, missing: boolean): boolean {
    if (node === undefined) return missing;
    if (node.kind === "boolean") return node.value;
    this.wrongType(option, node, "true or false without quotes");
    return missing;
  }

  integer(
    option: string,
    node: JsonNode | undefined,
    missing: number,
    most: number,
    code: ConfigProblemCode = "wrong-type",
  ): number {
    if (node === undefined) return missing;
    if (node.kind !== "number" || !/^-?\d+$/.test(node.text)) {
      this.wrongType(option, node, "a whole number without quotes");
      return missing;
    }
    const value = Number(node.text);
    if (value >= 0 && value <= most) return value;
    const wanted = `0 to ${most}`;
    this.report(
      code,
      option,
      node,
      wanted,
      `Cannot use ${option}: expected ${wanted}, got ${node.text}`,
    );
    return missing;
  }

  cidr(option: string, node: JsonNode | undefined, family: 4 | 6): Cidr | null {
    if (node === undefined) return null;
    const wanted = family === 4
      ? "an IPv4 CIDR in quotes"
      : "an IPv6 CIDR in quotes";
    if (node.kind !== "string") return this.wrongType(option, node, wanted);
    const parts = splitCidr(node.value);
    if (parts === null || parts.cidr.family !== family) {
      const message = parts === null
        ? `invalid CIDR address: ${node.value}`
        : `invalid IPv${family} CIDR format`;
      return this.report("wrong-type", option, node, wanted, message);
    }
    const canonical = formatCidr(parts.cidr);
    if (parts.address !== parts.cidr.start) {
      this.notCanonical.push({ option, written: node.value, canonical });
    }
    return parts.cidr;
  }

  address(
    option: string,
    node: JsonNode | undefined,
    family: 4 | 6,
  ): string | null {
    if (node === undefined) return null;
    const wanted = `an IPv${family} address in quotes`;
    if (node.kind !== "string") return this.wrongType(option, node, wanted);
    if (family === 4) {
      const v4 = parseIpv4(node.value);
      return v4 === null
        ? this.wrongType(option, node, wanted)
        : formatIpv4(v4);
    }
    const v6 = parseIpv6(node.value);
    return v6 === null ? this.wrongType(option, node, wanted) : formatIpv6(v6);
  }

  string(option: string, node: JsonNode | undefined): string {
    if (node === undefined) return "";
    if (node.kind === "string") return node.value;
    this.wrongType(option, node, "a text in quotes");
    return "";
  }
}

/** The Backend object, decoded. */
interface BackendPart {
  readonly backendType: string;
  readonly backendGiven: boolean;
  readonly backendOptions: Readonly<Record<string, unknown>>;
  readonly vxlan?: VxlanOptions;
  readonly udpPort?: number;
}

/** Largest port and largest VXLAN network identifier (RFC 7348). */
const MAX_PORT = 65535;
const MAX_VNI = 16777215;
const MAX_INT = Number.MAX_SAFE_INTEGER;

function readBackend(
  reader: ConfigReader,
  node: JsonNode | undefined,
): BackendPart {
  if (node === undefined) {
    // The documents say vxlan; the code says udp.
    return {
      backendType: "udp",
      backendGiven: false,
      backendOptions: {},
      udpPort: 8285,
    };
  }
  if (node.kind !== "object" && node.kind !== "null") {
    reader.wrongType("Backend", node, "an object in { }");
  }
  const members = node.kind === "object" ? node.members : [];
  const typeNode = members.findLast((m) => m.name.toLowerCase() === "type");
  const type = typeNode === undefined || typeNode.value.kind === "null"
    ? ""
    : reader.string("Backend.Type", typeNode.value).toLowerCase();
  const specification = backendSpecification(type);
  const part = {
    backendType: type,
    backendGiven: true,
    backendOptions: Object.fromEntries(
      members.map((m) => [m.name, jsonValue(m.value)]),
    ),
  };
  if (specification === undefined) return part;
  const found = reader.members(
    members,
    [{ name: "Type", type: "string" }, ...specification.options],
    "Backend.",
  );
  const number = (name: string, missing: number, most: number) =>
    reader.integer(
      `Backend.${name}`,
      found.get(name),
      missing,
      most,
      "backend-option",
    );
  const flag = (name: string) =>
    reader.bool(`Backend.${name}`, found.get(name), false);
  if (type === "vxlan") {
    return {
      ...part,
      vxlan: {
        vni: number("VNI", 1, MAX_VNI),
        port: number("Port", 0, MAX_PORT),
        mtu: number("MTU", 0, MAX_PORT),
        gbp: flag("GBP"),
        learning: flag("Learning"),
        directRouting: flag("DirectRouting"),
      },
    };
  }
  if (type === "udp") {
    return { ...part, udpPort: number("Port", 8285, MAX_PORT) };
  }
  for (const { name, type: kind } of specification.options) {
    const value = found.get(name);
    if (kind === "bool") flag(name);
    if (kind === "int") number(name, 0, MAX_INT);
    if (kind === "string") reader.string(`Backend.${name}`, value);
  }
  checkSecrets(reader, type, found);
  return part;
}

/** Rules of the backends flandoc does not run. */
function checkSecrets(
  reader: ConfigReader,
  type: string,
  found: ReadonlyMap<string, JsonNode>,
): void {
  const text = (name: string) => {
    const node = found.get(name);
    return node?.kind === "string" ? node.value : "";
  };
  if (type === "ipsec" && text("PSK").length < 96) {
    reader.report(
      "backend-option",
      "Backend.PSK",
      null,
      "at least 96 characters",
      "config error, password is too short",
    );
  }
  const mode = text("Mode");
  if (
    type === "wireguard" && !["", "separate", "auto", "ipv4", "ipv6"]
      .includes(mode)
  ) {
    reader.report(
      "backend-option",
      "Backend.Mode",
      found.get("Mode") ?? null,
      "separate, auto, ipv4 or ipv6",
      "no valid Mode configured",
    );
  }
}

/** Range of one family; null when it is off or wrong. */
function readRange(
  reader: ConfigReader,
  found: ReadonlyMap<string, JsonNode>,
  family: 4 | 6,
  version: string,
  validated: boolean,
): SubnetRange | null {
  const p = family === 4 ? "" : "IPv6";
  const before = reader.problems.length;
  const name = `${p}Network`;
  const network = reader.cidr(name, found.get(name), family);
  const options = {
    network,
    subnetLen: reader.integer(
      `${p}SubnetLen`,
      found.get(`${p}SubnetLen`),
      0,
      MAX_INT,
    ),
    subnetMin: reader.address(
      `${p}SubnetMin`,
      found.get(`${p}SubnetMin`),
      family,
    ),
    subnetMax: reader.address(
      `${p}SubnetMax`,
      found.get(`${p}SubnetMax`),
      family,
    ),
  };
  if (reader.problems.length > before) return null;
  const result = deriveSubnetRange(family, options, version);
  if ("range" in result) return result.range;
  if (!validated && network !== null) {
    return unvalidatedRange(network, options.subnetLen);
  }
  reader.problems.push(...result.problems);
  return null;
}

function refused(problem: ConfigProblem): ParsedNetworkConfig {
  return {
    config: null,
    problems: [problem],
    unknownOptions: [],
    notCanonical: [],
  };
}

/**
 * Reads a network config as flannel does: Go's encoding/json (names match
 * whatever their case, the last duplicate wins, unknown names are ignored),
 * flannel's defaults, then CheckNetworkConfig. A missing Network, which v0.11
 * takes for 0.0.0.0/0, is a problem in every version. An unknown backend type
 * is none here: see {@linkcode backendSupport}.
 *
 * Source: flannel v0.28.9 pkg/subnet/config.go, v0.11.0 subnet/config.go.
 */
export function parseNetworkConfig(
  text: string,
  options: NetworkConfigOptions = {},
): ParsedNetworkConfig {
  const version = options.flannelVersion ?? FLANNEL_LATEST;
  let root: JsonNode;
  try {
    root = parseJsonTree(text);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    return refused({
      code: "not-json",
      option: "",
      value: text.length <= SHOWN ? text : `${text.slice(0, SHOWN)}…`,
      wanted: "a JSON object",
      message: error.message,
      position: error.position,
    });
  }
  const reader = new ConfigReader(text, version);
  if (root.kind !== "object") {
    reader.report(
      "not-object",
      "",
      root,
      "a JSON object in { }",
      `Cannot read network config: expected an object in { }, got ${
        root.kind === "null" ? "null" : `JSON of kind ${root.kind}`
      }`,
    );
    return refused(reader.problems[0]!);
  }
  const found = reader.members(root.members, CONFIG_OPTIONS, "");
  const validated = options.store !== "kubernetes" ||
    !atLeast(version, "0.20.0");
  const enableIPv4 = reader.bool("EnableIPv4", found.get("EnableIPv4"), true);
  const enableIPv6 = reader.bool("EnableIPv6", found.get("EnableIPv6"), false);
  const enableNFTables = reader.bool(
    "EnableNFTables",
    found.get("EnableNFTables"),
    false,
  );
  if (!enableIPv4 && !enableIPv6) {
    reader.report(
      "no-family",
      "EnableIPv4",
      found.get("EnableIPv4") ?? null,
      "EnableIPv4 or EnableIPv6",
      "none defined stack",
    );
  }
  const ipv4 = enableIPv4
    ? readRange(reader, found, 4, version, validated)
    : null;
  const ipv6 = enableIPv6
    ? readRange(reader, found, 6, version, validated)
    : null;
  const backend = readBackend(reader, found.get("Backend"));
  const { problems, unknownOptions, notCanonical } = reader;
  const config = problems.length > 0
    ? null
    : { enableIPv4, enableIPv6, enableNFTables, ipv4, ipv6, ...backend };
  return { config, problems, unknownOptions, notCanonical };
}
