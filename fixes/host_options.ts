/** Where a repair works. */
export interface HostOptions {
  /** Network namespace by name or path. @default the thread's own */
  readonly netns?: string;
}
