import type { FileState } from "./fix.ts";

/** The commands that bring a file to a state; null removes it. */
export function fileCommands(path: string, state: FileState | null): string[] {
  if (state === null) return [`rm ${path}`];
  const lines = state.text.replace(/\n$/, "").split("\n");
  return [`cat > ${path} <<'EOF'`, ...lines, "EOF"];
}
