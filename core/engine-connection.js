// JavaScript, for the keeper's process of a worker reads it too: it loads nothing that strips types.

/**
 * What the address of a container engine, such as `unix:///var/run/docker.sock` or `tcp://127.0.0.1:2375`, means to node:http.
 * @param {string} engine
 * @returns {{ socketPath: string } | { host: string, port: number }}
 */
export function engineConnection(engine) {
  if (engine.startsWith('unix://')) return { socketPath: engine.slice('unix://'.length) }
  const { hostname, port } = new URL(engine)
  return { host: hostname, port: Number(port) }
}
