/** A text of any length as one line of evidence; cut with an ellipsis. */
export function oneLine(text: string, limit = 200): string {
  // Other control characters could move the cursor of who reads the report.
  const line = text.replaceAll(/\s+/g, " ")
    // deno-lint-ignore no-control-regex
    .replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, "?").trim();
  const points = [...line];
  return points.length <= limit ? line : `${points.slice(0, limit).join("")}…`;
}
