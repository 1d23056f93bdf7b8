/**
 * Keeps the tunnel devices: their names, settings and addresses.
 *
 * @module
 */
import type { LocalNode, WantedDevice } from "../flannel/expected_types.ts";
import type { NetworkConfig } from "../flannel/network_config_types.ts";
import {
  type MadeDevices,
  madeDevices,
  planName,
  renamedDevice,
} from "./device_names.ts";
import { planDevice } from "./device_plan.ts";
import type { Outstanding, Repair } from "./repair.ts";
import type { RepairLog } from "./repair_log.ts";
import type { RepairSender } from "./repair_sender.ts";
import type { View } from "./wanted.ts";

/** Options of {@linkcode DeviceKeeper}. */
export interface DeviceKeeperOptions {
  readonly config: NetworkConfig;
  readonly sender: RepairSender;
  readonly said: RepairLog;
  /** Puts settings of a tunnel device right, at every look. */
  readonly onDevice?: (name: string) => void;
}

/** What came of a look at the devices. */
export interface DevicesKept {
  /** State after the repairs. */
  readonly view: View;
  /** Whether any device was changed. */
  readonly remade: boolean;
  readonly outstanding: readonly Outstanding[];
  /** Names of what was wrong, for the log. */
  readonly keys: readonly string[];
}

/** Compares the tunnel devices with those wanted, look by look. */
export class DeviceKeeper {
  readonly #options: DeviceKeeperOptions;
  #made: MadeDevices = new Map();

  constructor(options: DeviceKeeperOptions) {
    this.#options = options;
  }

  /** Ifindexes of the tunnel devices. */
  get indexes(): Iterable<number> {
    return this.#made.values();
  }

  /** Puts the devices right, and looks again where any was changed. */
  async keep(
    before: View,
    node: LocalNode,
    look: () => View,
  ): Promise<DevicesKept> {
    const { sender, said, config, onDevice } = this.#options;
    let view = before;
    let remade = false;
    const outstanding: Outstanding[] = [];
    const keys: string[] = [];
    const send = async (repairs: readonly Repair[]) => {
      if (repairs.length === 0) return;
      keys.push(...repairs.map(({ key }) => key));
      outstanding.push(...await sender.send(repairs, true));
      remade = true;
      view = look();
    };
    await send(this.#planNames(view, node));
    const { expected, observed } = view;
    // One whose name cannot be had is told of already.
    const plans = expected.devices
      .filter((device) => this.#renamed(device, view, node) === null)
      .map((device) => planDevice(device, observed, config, node));
    for (const { key, kind, message } of plans.flatMap((p) => p.conflicts)) {
      keys.push(key);
      said.trouble(key, message);
      outstanding.push({ kind, message });
    }
    await send(plans.flatMap((plan) => plan.repairs));
    for (const { name } of expected.devices) onDevice?.(name);
    this.#note(view);
    return { view, remade, outstanding, keys };
  }

  #renamed(wanted: WantedDevice, { observed }: View, node: LocalNode) {
    return renamedDevice(wanted, observed.links, node, this.#made);
  }

  /** Names that were taken from the devices. */
  #planNames(view: View, node: LocalNode): Repair[] {
    return view.expected.devices.flatMap((wanted) => {
      const renamed = this.#renamed(wanted, view, node);
      if (renamed === null) return [];
      return planName(wanted, renamed, view.observed.links);
    });
  }

  /** One that is gone may be there by another name. */
  #note({ expected, observed }: View): void {
    this.#made = new Map([
      ...this.#made,
      ...madeDevices(expected.devices, observed.links),
    ]);
  }
}
