import { styleText } from "node:util";
import type { Severity, Verdict } from "../checks/check.ts";

type Ink = Parameters<typeof styleText>[0];

/** Paints text when `color` is on. */
export type Painter = (ink: Ink, text: string) => string;

/** A painter that honours the choice already made by the command line. */
export function painter(color: boolean): Painter {
  return (ink, text) =>
    color ? styleText(ink, text, { validateStream: false }) : text;
}

/** Mark and ink of a verdict; failed checks are marked by severity. */
export function glyphOf(
  verdict: Verdict,
  severity: Severity,
): { readonly mark: string; readonly ink: Ink } {
  switch (verdict) {
    case "ok":
      return { mark: "✓", ink: "green" };
    case "unknown":
      return { mark: "?", ink: "magenta" };
    case "skipped":
      return { mark: "–", ink: "gray" };
    case "crashed":
      return { mark: "☠", ink: "red" };
    case "failed":
      return severityGlyph(severity);
  }
}

function severityGlyph(severity: Severity): { mark: string; ink: Ink } {
  if (severity === "error") return { mark: "✗", ink: "red" };
  if (severity === "warning") return { mark: "!", ink: "yellow" };
  return { mark: "i", ink: "cyan" };
}
