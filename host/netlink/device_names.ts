/**
 * Names and indexes of the devices of one namespace, as of the last link dump
 * or link event.
 */
export class DeviceNames {
  readonly #names = new Map<number, string>();
  readonly #indexes = new Map<string, number>();

  /** Name of an index; `if12` for an index without a known name. */
  name(index: number): string {
    return this.#names.get(index) ?? `if${index}`;
  }

  /** Name of an index; null for 0, the kernel's "none". */
  nameOrNull(index: number): string | null {
    return index === 0 ? null : this.name(index);
  }

  /** Index of a name, or undefined when there is no such device. */
  index(name: string): number | undefined {
    return this.#indexes.get(name);
  }

  /** Records a device, which may have been renamed. */
  set(index: number, name: string): void {
    this.delete(index);
    this.#names.set(index, name);
    this.#indexes.set(name, index);
  }

  /** Forgets a device. */
  delete(index: number): void {
    const former = this.#names.get(index);
    if (former === undefined) return;
    this.#names.delete(index);
    // The name may belong to another device by now.
    if (this.#indexes.get(former) === index) this.#indexes.delete(former);
  }

  /** Forgets every device. */
  clear(): void {
    this.#names.clear();
    this.#indexes.clear();
  }
}
