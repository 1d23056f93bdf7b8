import { TestNetns } from "./netns.ts";

/**
 * Hosts on one switch: a namespace with a bridge, and one namespace for each
 * host, whose `eth0` is plugged into it.
 */
export class TestSwitch implements Disposable {
  readonly #stack = new DisposableStack();
  /** The switch itself: bridge `sw`, ports `p0`, `p1`, …. */
  readonly fabric: TestNetns;
  /** Hosts in the order of their addresses; MACs end in their position + 1. */
  readonly hosts: readonly TestNetns[];

  /** @param addresses CIDR of each host's `eth0`. */
  constructor(...addresses: readonly string[]) {
    using building = new DisposableStack();
    this.fabric = building.use(
      new TestNetns("link add sw type bridge", "link set sw up"),
    );
    this.hosts = addresses.map((address, index) => {
      const host = building.use(new TestNetns("link set lo up"));
      this.fabric.ip(
        `link add p${index} type veth peer name eth0 netns ${host.name}`,
        `link set p${index} master sw up`,
      );
      host.ip(
        `link set eth0 address ${macOf(index)} up`,
        `address add ${address} dev eth0`,
      );
      return host;
    });
    this.#stack.use(building.move());
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }
}

/** MAC of a host by position. */
export function macOf(index: number): string {
  return `02:00:00:00:00:${(index + 1).toString(16).padStart(2, "0")}`;
}
