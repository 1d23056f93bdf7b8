/**
 * What the first process of a node does: it makes the machine around it look
 * like a host of its own, then stays to hold it.
 *
 * @module
 */

/**
 * A POSIX shell script, run with the node's directory as working directory in
 * fresh mount, UTS and process namespaces and the node's network namespace.
 *
 * Its arguments: name, address, gateway, MTU, ip_forward, text for `/etc/hosts`. It writes
 * `init.stat` before anything else: the proc it still sees is the machine's, so
 * the number in there is the one the lab can end it by. Everything a host
 * writes goes to a memory file system that ends with it; `/run` is the
 * directory `run`, to be looked at from outside. What the real machine has
 * configured for Docker and for firewalls at boot is hidden.
 */
export const NODE_SCRIPT = `set -eu
read -r stat </proc/self/stat
printf '%s\\n' "$stat" >init.stat
name=$1 address=$2 gateway=$3 mtu=$4 forward=$5 hosts=$6

mkdir -p root run
mount -t tmpfs -o mode=755 tmpfs root
for top in etc opt var; do
  mkdir "root/$top" "root/$top.work"
  mount -t overlay overlay "/$top" -o \\
    "lowerdir=/$top,upperdir=$PWD/root/$top,workdir=$PWD/root/$top.work"
done
for hidden in /etc/docker /etc/iptables /etc/sysconfig /var/lib/docker \\
  /var/lib/containerd /var/lib/etcd /var/lib/flandoc /opt/flannel; do
  mkdir -p "$hidden"
  mount -t tmpfs -o mode=755 tmpfs "$hidden"
done
# sysfs shows the network namespace it was mounted in.
mkdir root/cgroup
mount --rbind /sys/fs/cgroup root/cgroup
umount -l /sys
mount -t sysfs sysfs /sys
mount --rbind root/cgroup /sys/fs/cgroup
umount -l root/cgroup
mount --bind run /run
mkdir -p /run/lock
mount -t proc proc /proc

echo "$name" >/proc/sys/kernel/hostname
echo "$name" >/etc/hostname
printf '127.0.0.1 localhost\\n%s\\n' "$hosts" >/etc/hosts
echo "$forward" >/proc/sys/net/ipv4/ip_forward
for scope in all default eth0; do
  echo 0 >"/proc/sys/net/ipv4/conf/$scope/rp_filter"
done
ip link set lo up
ip link set eth0 mtu "$mtu" up
ip address add "$address/24" brd + dev eth0
ip route add default via "$gateway" dev eth0
: >ready
while :; do
  sleep 86400 &
  wait
done
`;
