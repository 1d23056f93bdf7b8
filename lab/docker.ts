/**
 * Real Docker on a host of the lab.
 *
 * @module
 */
import { nodeCgroup } from "./cgroups.ts";
import type { LabNode, LabPlan } from "./lab_plan.ts";
import type { NodeFile } from "./node_files.ts";
import { mustRunOn } from "./node_command.ts";
import { DOCKER_SERVICE_SCRIPT } from "./docker_script.ts";

/**
 * Docker's service and its options. The options come from subnet.env at every
 * start, as flannel's mk-docker-opts.sh makes them, with a place of its own for
 * all that Docker keeps.
 */
export function dockerFiles(plan: LabPlan, host: LabNode): NodeFile[] {
  if (plan.spec.containers !== "docker") return [];
  return [
    { path: "/etc/default/docker", text: dockerDefaults(plan, host) },
    { path: "/etc/init.d/docker", text: DOCKER_SERVICE_SCRIPT, mode: 0o755 },
  ];
}

function dockerDefaults(plan: LabPlan, host: LabNode): string {
  const options = [
    "--bip=$FLANNEL_SUBNET",
    "--mtu=$FLANNEL_MTU",
    "--ip-masq=$masquerade",
    "-H unix:///run/docker.sock",
    "--data-root=/var/lib/docker",
    "--exec-root=/run/docker",
    "--storage-driver=vfs",
    "--exec-opt=native.cgroupdriver=cgroupfs",
    `--cgroup-parent=/${nodeCgroup(plan.spec.name, host.name)}`,
  ];
  return `. /run/flannel/subnet.env
masquerade=true
[ "$FLANNEL_IPMASQ" = true ] && masquerade=false
DOCKER_OPTS="${options.join(" ")}"
`;
}

/**
 * Starts dockerd, imports an image `busybox` and runs a container `web` that
 * logs who asks it. Needs subnet.env.
 */
export async function startDocker(
  plan: LabPlan,
  host: LabNode,
  signal?: AbortSignal,
): Promise<void> {
  const options = signal ? { signal } : {};
  const service = ["/etc/init.d/docker", "start"];
  await mustRunOn(plan, host, service, options);
  const stdin = webScript(host);
  await mustRunOn(plan, host, ["sh", "-eus"], { ...options, stdin });
}

const APPLETS =
  "sh cat echo httpd ip ls nc nslookup ping ps sleep tail timeout wget";

/**
 * The image is the machine's busybox, with its libraries if it has any; the
 * page server has no reason to take long over a stop.
 */
function webScript(host: LabNode): string {
  return `image=/run/image
mkdir -p "$image/bin" "$image/www" "$image/etc" "$image/tmp"
busybox=$(command -v busybox)
cp "$busybox" "$image/bin/busybox"
for library in $(ldd "$busybox" 2>/dev/null | grep -o "/[^ ]*"); do
  mkdir -p "$image$(dirname "$library")"
  cp "$library" "$image$library"
done
for applet in ${APPLETS}; do ln -s busybox "$image/bin/$applet"; done
echo "hello from web on ${host.name}" >"$image/www/index.html"
tar -C "$image" -c . | docker import - busybox >/dev/null
rm -rf "$image"
docker run --detach --name web --hostname web --restart always \\
  --stop-signal KILL busybox httpd -f -vv -p 80 -h /www >/dev/null
`;
}
