/** A TCP proxy on loopback whose connections a test can cut. */
export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  /** Connections taken so far. */
  readonly taken: number;
  /** Ends all connections; new ones are taken again. */
  cut(): void;
  /** Connections from now on go to another port. */
  forwardTo(port: number): void;
}

/** Forwards a free port of loopback to `port`. */
export function startTcpProxy(target: number): TcpProxy {
  let port = target;
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.Conn>();
  const running = new Set<Promise<unknown>>();
  let taken = 0;
  const cut = () => {
    for (const connection of open) {
      try {
        connection.close();
      } catch {
        // Closed by its own end.
      }
    }
    open.clear();
  };
  const serve = async (near: Deno.Conn) => {
    open.add(near);
    const far = await Deno.connect({ hostname: "127.0.0.1", port })
      .catch(() => null);
    if (far) {
      open.add(far);
      await Promise.allSettled([
        near.readable.pipeTo(far.writable),
        far.readable.pipeTo(near.writable),
      ]);
    } else near.close();
  };
  const accepting = (async () => {
    for await (const connection of listener) {
      taken++;
      const one = serve(connection).finally(() => running.delete(one));
      running.add(one);
    }
  })();
  return {
    port: listener.addr.port,
    get taken() {
      return taken;
    },
    cut,
    forwardTo: (next) => port = next,
    async [Symbol.asyncDispose]() {
      listener.close();
      cut();
      await accepting.catch(() => {});
      await Promise.allSettled(running);
    },
  };
}
