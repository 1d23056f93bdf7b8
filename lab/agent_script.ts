/**
 * The agent's service script on a host of the lab, which has no init system.
 *
 * @module
 */

/** Log of a host's agent, on the host. */
export const AGENT_LOG = "/var/log/flanneld.log";

/** `/etc/init.d/flanneld`, so that `service flanneld restart` works there. */
export const AGENT_SERVICE_SCRIPT = `#!/bin/sh
pidfile=/run/flanneld.pid

running() {
  [ -s "$pidfile" ] && kill -0 "$(cat "$pidfile")" 2>/dev/null
}

start() {
  running && return 0
  echo "Starting flanneld: flandoc."
  setsid /opt/flannel/flanneld.sh </dev/null >>${AGENT_LOG} 2>&1 &
  echo $! >"$pidfile"
}

stop() {
  running || return 0
  echo "Stopping flanneld: flandoc."
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
  echo "Usage: service flanneld {start|stop|restart|status}"
  exit 2
  ;;
esac
`;
