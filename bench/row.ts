/** One measured figure beside a peer's, both of the same run. */
export interface BenchRow {
  readonly name: string;
  /** What flandoc took, as text with its unit. */
  readonly ours: string;
  /** What stands beside it, with its name: `ip -batch 402.1 ms`. */
  readonly peer: string;
  /** Ours divided by the peer's, or null where nothing was beside it. */
  readonly ratio: number | null;
  readonly goal: string;
  readonly met: boolean;
}
