/**
 * A repair as data: what changes, how a person would type it, and how it is
 * taken back. Actions are plain JSON so that the journal can undo them in a
 * later process; `host/` knows how to carry each kind out.
 *
 * @module
 */
import type { CheckCode, FixName } from "../checks/check.ts";
import type { Route } from "../flannel/kernel.ts";
import type { NetfilterBackend } from "../flannel/firewall/rule.ts";

/** safe: recomputable, interrupts nothing; the others only when named. */
export type Risk = "safe" | "interrupts" | "overrides";

/** One change of one netfilter chain; positions count from 1. */
export interface NetfilterEdit {
  readonly op: "insert" | "delete";
  /** Rule specification after the chain name, as the tool takes it. */
  readonly rule: string;
  readonly position: number;
}

/** What an action changes; each kind holds the earlier state it restores. */
export type Change =
  | {
    readonly kind: "netfilter";
    readonly backend: NetfilterBackend;
    readonly family: 4 | 6;
    readonly table: string;
    readonly chain: string;
    /** In order; one transaction. */
    readonly edits: readonly NetfilterEdit[];
    /**
     * How often each edited rule was in the chain before, by its text. Noted
     * when the change is made; undo tells by it what is in force.
     */
    readonly found?: Readonly<Record<string, number>>;
  }
  | {
    readonly kind: "route";
    /** Null where there is none before (or after). */
    readonly before: Route | null;
    readonly after: Route | null;
  }
  | {
    readonly kind: "sysctl";
    readonly key: string;
    readonly before: string;
    readonly after: string;
    /**
     * Earlier values of settings that the kernel changes along with this one:
     * `ip_forward` sets the forwarding of every device.
     */
    readonly along?: Readonly<Record<string, string>>;
  }
  | {
    readonly kind: "file";
    readonly path: string;
    /** Null where the file is absent before (or after). */
    readonly before: { readonly text: string; readonly mode: number } | null;
    readonly after: { readonly text: string; readonly mode: number } | null;
    /** Directories made for it, the outermost first: they go with the file. */
    readonly directories?: readonly string[];
  }
  | {
    /** A program that makes a change take effect: `systemctl daemon-reload`. */
    readonly kind: "run";
    /** Empty where only taking back needs it: undo goes from the end. */
    readonly argv: readonly string[];
    /** What takes it back, or null where nothing has to. */
    readonly undo: readonly string[] | null;
  };

/** One planned step of a repair. */
export interface Action {
  readonly fix: FixName;
  readonly code: CheckCode;
  readonly risk: Risk;
  readonly change: Change;
  /** What a person would type, one command a line. */
  readonly commands: readonly string[];
  /** What a person would type to take it back. */
  readonly undoCommands: readonly string[];
  /** What a persistent repair outlives. */
  readonly survives?: readonly ("docker" | "reboot")[];
}

/** Why a fix leaves something as it is. */
export interface Refusal {
  readonly fix: FixName;
  readonly code: CheckCode;
  readonly subject: string;
  /** Key of the texts of `fixes/text.ts`. */
  readonly reason: string;
  readonly arguments: Readonly<Record<string, string | number>>;
}

/** What a fix would do. */
export interface Plan {
  readonly actions: readonly Action[];
  readonly refusals: readonly Refusal[];
  /** What would be done too if its fix were named: it is not safe. */
  readonly withheld?: readonly Action[];
}
