import type { Check, Finding, Language } from "../checks/check.ts";

/** Values of a template's placeholders. */
export type TemplateArguments = Finding["arguments"];

/**
 * Fills `{name}` placeholders; lists are joined with ", ".
 *
 * @throws {RangeError} when the template names an argument that is not given
 */
export function fillTemplate(
  template: string,
  args: TemplateArguments,
): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = args[name];
    if (value === undefined) {
      throw new RangeError(`Cannot fill template: no argument "${name}"`);
    }
    return Array.isArray(value) ? value.join(", ") : String(value);
  });
}

/**
 * The sentence that says a finding, in one language.
 *
 * @throws {RangeError} when the check has no template for the variant
 */
export function messageOf(
  check: Check,
  finding: Finding,
  language: Language,
): string {
  const variant = finding.variant ?? "default";
  const template = check.text[language].messages[variant];
  if (template === undefined) {
    throw new RangeError(
      `Cannot say ${check.code}: no ${language} message "${variant}"`,
    );
  }
  return fillTemplate(template, finding.arguments);
}
