/** Words that begin a command which changes nothing. */
const LOOKS: readonly RegExp[] = [
  /^(?:arping|tcpdump|journalctl|cat|ls|ss|ps|curl|getent|iptables-save) /,
  /^(?:ETCDCTL_API=\d )?etcdctl (?:.* )?(?:get|ls|cluster-health|endpoint|member list|alarm list)(?: |$)/,
  /^ip (?:-\S+ )*(?:\S+ )?(?:get|show|list)(?: |$)/,
  /^ip (?:-\S+ )*(?:address|route|rule|link|neigh)$/,
  /^(?:nft|bridge|conntrack|ethtool) (?:-\S+ )*(?:list|show|\S+ show|-L|-k|-S)(?: |$)/,
  /^docker (?:ps|info|inspect|network inspect|network ls)(?: |$)/,
  /^crictl (?:ps|pods)(?: |$)/,
  /^systemctl (?:status|show|cat)(?: |$)/,
  /^openssl (?:x509|s_client)(?: |$)/,
  /^sysctl (?!-w)/,
  /^kubectl (?:-n \S+ )?(?:get|describe|logs)(?: |$)/,
];

/**
 * Whether a command only looks. Such a one is no repair, and is not called
 * one: who is woken at night types what stands beside that word.
 */
export function onlyLooks(command: string): boolean {
  return LOOKS.some((pattern) => pattern.test(command));
}
