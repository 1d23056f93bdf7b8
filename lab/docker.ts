/**
 * Real Docker on a host of the lab.
 *
 * @module
 */
import { nodeCgroup } from "./cgroups.ts";
import type { LabNode, LabPlan } from "./lab_plan.ts";
import { writeFiles } from "./node_files.ts";
import { mustRunOn } from "./node_command.ts";
import { DOCKER_SERVICE_SCRIPT } from "./docker_script.ts";

/**
 * Starts dockerd with what the host's subnet.env says, imports an image
 * `busybox` and runs a container `web` that logs who asks it. Needs subnet.env.
 */
export async function startDocker(
  plan: LabPlan,
  host: LabNode,
  signal?: AbortSignal,
): Promise<void> {
  const argv = ["cat", "/run/flannel/subnet.env"];
  const options = dockerOptions(plan, host, await mustRunOn(plan, host, argv));
  await writeFiles(plan, host, [
    {
      path: "/etc/default/docker",
      text: `DOCKER_OPTS="${options.join(" ")}"\n`,
    },
    {
      path: "/etc/init.d/docker",
      text: DOCKER_SERVICE_SCRIPT,
      mode: 0o755,
    },
  ]);
  await mustRunOn(plan, host, ["/etc/init.d/docker", "start"], {
    ...(signal ? { signal } : {}),
  });
  await mustRunOn(plan, host, ["sh", "-eus"], {
    stdin: webScript(host),
    ...(signal ? { signal } : {}),
  });
}

/**
 * dockerd's options: bip, MTU and masquerading from subnet.env as flannel's
 * mk-docker-opts.sh makes them, and a place of its own for all it keeps.
 */
export function dockerOptions(
  plan: LabPlan,
  host: LabNode,
  env: string,
): string[] {
  const read = (name: string) =>
    new RegExp(`^${name}=(.*)$`, "m").exec(env)?.[1] ?? "";
  return [
    `--bip=${read("FLANNEL_SUBNET")}`,
    `--ip-masq=${read("FLANNEL_IPMASQ") === "true" ? "false" : "true"}`,
    `--mtu=${read("FLANNEL_MTU")}`,
    "-H unix:///run/docker.sock",
    "--data-root=/var/lib/docker",
    "--exec-root=/run/docker",
    "--storage-driver=vfs",
    "--exec-opt=native.cgroupdriver=cgroupfs",
    `--cgroup-parent=/${nodeCgroup(plan.spec.name, host.name)}`,
  ];
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
