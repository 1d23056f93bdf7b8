/**
 * A flag or variable given to flandoc has a value of the wrong form: what was
 * typed is wrong, not the host.
 */
export class SettingError extends SyntaxError {
  override readonly name = "SettingError";
}
