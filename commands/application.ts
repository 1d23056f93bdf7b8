import { buildApplication, buildRouteMap, text_en } from "@stricli/core";
import { SettingError } from "../snapshot/setting_error.ts";
import { VERSION } from "../version.ts";
import { checkCommand } from "./check.ts";
import { explainCommand } from "./explain.ts";
import { fixCommand } from "./fix.ts";
import { labRoutes } from "./lab.ts";
import { runCommand } from "./run.ts";
import { snapshotCommand } from "./snapshot.ts";
import { statusCommand } from "./status.ts";
import { undoCommand } from "./undo.ts";
import { versionCommand } from "./version.ts";

/** Stricli suggests flags by their names in code: people type kebab-case. */
const TEXT = {
  ...text_en,
  exceptionWhileParsingArguments(error: unknown, color: boolean): string {
    return text_en.exceptionWhileParsingArguments(error, color).replace(
      /--[a-z]+[A-Z]\w*/g,
      (flag) => flag.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
    );
  },
  // An error's message says what could not be done; its trace is for us.
  formatException: messageOf,
  exceptionWhileRunningCommand: messageOf,
};

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const verbose = Deno.args.includes("-v") || Deno.args.includes("--verbose");
  return verbose ? error.stack ?? error.message : error.message;
}

/** The command line of flandoc, see design's table of commands. */
export const application = buildApplication(
  buildRouteMap({
    routes: {
      check: checkCommand,
      snapshot: snapshotCommand,
      fix: fixCommand,
      undo: undoCommand,
      run: runCommand,
      status: statusCommand,
      explain: explainCommand,
      lab: labRoutes,
      version: versionCommand,
    },
    docs: {
      brief: "A doctor for flannel networks, and a flannel agent",
      fullDescription:
        "flandoc says what is wrong with a flannel network (check), repairs it " +
        "and can take the repair back (fix, undo), and is a flannel agent " +
        "itself (run). Start with: flandoc check",
    },
  }),
  {
    name: "flandoc",
    versionInfo: { currentVersion: VERSION },
    scanner: {
      caseStyle: "allow-kebab-for-camel",
      allowArgumentEscapeSequence: true,
    },
    documentation: {
      caseStyle: "convert-camel-to-kebab",
      onlyRequiredInUsageLine: true,
    },
    localization: { text: TEXT },
    determineExitCode: (error) => error instanceof SettingError ? 2 : 3,
  },
);
