/**
 * Docker's service script on a host of the lab, which has no init system.
 *
 * @module
 */

/** `/etc/init.d/docker`, so that `service docker restart` works there. */
export const DOCKER_SERVICE_SCRIPT = `#!/bin/sh
. /etc/default/docker
pidfile=/run/docker.pid

running() {
  [ -s "$pidfile" ] && kill -0 "$(cat "$pidfile")" 2>/dev/null
}

start() {
  running && return 0
  echo "Starting Docker: docker."
  # /tmp is the machine's: a containerd that hangs would leave its traces there.
  TMPDIR=/run setsid dockerd --pidfile="$pidfile" $DOCKER_OPTS \\
    </dev/null >>/var/log/docker.log 2>&1 &
  tries=2400
  until docker version >/dev/null 2>&1; do
    tries=$((tries - 1))
    if [ "$tries" = 0 ] || ! kill -0 $! 2>/dev/null; then
      tail -n 5 /var/log/docker.log >&2
      return 1
    fi
    sleep 0.05
  done
}

stop() {
  running || return 0
  echo "Stopping Docker: docker."
  pid=$(cat "$pidfile")
  kill "$pid"
  while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
}

case "\${1-}" in
start) start ;;
stop) stop ;;
restart)
  stop
  start
  ;;
status) running ;;
*)
  echo "Usage: service docker {start|stop|restart|status}"
  exit 2
  ;;
esac
`;
