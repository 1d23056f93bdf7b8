/**
 * Per-device sysctls. A dot in a device name is a slash in the dotted name of
 * its sysctl (sysctl(8)): `flannel.1` is `net.ipv4.conf.flannel/1.forwarding`.
 *
 * @module
 */

/** Dotted name of an IPv4 or IPv6 `conf` sysctl of a device. */
export function deviceSysctl(
  device: string,
  key: string,
  family: 4 | 6 = 4,
): string {
  return `net.ipv${family}.conf.${device.replaceAll(".", "/")}.${key}`;
}

/**
 * The commands that set a sysctl now and at every boot. The file sorts last
 * in `/etc/sysctl.d`, so that a distribution's own value does not win.
 */
export function setSysctlCommands(name: string, value: string): string[] {
  return [
    `sysctl -w ${name}=${value}`,
    `echo '${name} = ${value}' >> /etc/sysctl.d/zz-flandoc.conf`,
  ];
}
