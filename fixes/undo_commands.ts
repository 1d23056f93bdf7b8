import type { Action, Change } from "./action.ts";

/**
 * What a person types to take an action back, with what was noted of the host
 * when it was made: values the kernel changed along, directories made.
 *
 * @param noted the action's change with those notes
 */
export function undoCommandsOf(action: Action, noted: Change): string[] {
  const { undoCommands } = action;
  if (noted.kind === "sysctl") {
    const others = Object.entries(noted.along ?? {})
      .filter(([key, value]) => value !== resetValue(key, noted.before));
    return [
      ...undoCommands,
      ...others.map(([key, value]) => `sysctl -w ${key}=${value}`),
    ];
  }
  if (noted.kind === "file") {
    const made = [...noted.directories ?? []].reverse();
    return [...undoCommands, ...made.map((path) => `rmdir ${path}`)];
  }
  return [...undoCommands];
}

/** What writing the key back leaves the settings that go along with it at. */
function resetValue(key: string, before: string): string {
  if (!key.endsWith("accept_redirects")) return before;
  return before === "0" ? "1" : "0";
}
