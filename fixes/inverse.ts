import type { Change, NetfilterEdit } from "./action.ts";

/**
 * The change that takes a change back, or null where nothing has to be done.
 * The inverse of the inverse is the change itself, but for `run`.
 */
export function inverse(change: Change): Change | null {
  switch (change.kind) {
    case "netfilter":
      return { ...change, edits: change.edits.map(inverseEdit).reverse() };
    case "route":
      return { ...change, before: change.after, after: change.before };
    case "sysctl":
      return { ...change, before: change.after, after: change.before };
    case "file":
      return { ...change, before: change.after, after: change.before };
    case "run":
      return change.undo === null
        ? null
        : { kind: "run", argv: change.undo, undo: null };
  }
}

/**
 * Edits are applied one after the other, positions counted at that moment, so
 * taken back in reverse order each undoes just its own.
 */
function inverseEdit(edit: NetfilterEdit): NetfilterEdit {
  return { ...edit, op: edit.op === "insert" ? "delete" : "insert" };
}
