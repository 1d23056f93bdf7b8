/** An issue of flannel's repository. */
export function flannelIssue(number: number): string {
  return `https://github.com/flannel-io/flannel/issues/${number}`;
}

/** A pull request of flannel's repository. */
export function flannelPull(number: number): string {
  return `https://github.com/flannel-io/flannel/pull/${number}`;
}

/** An issue of another GitHub repository, `owner/name`. */
export function githubIssue(repository: string, number: number): string {
  return `https://github.com/${repository}/issues/${number}`;
}
