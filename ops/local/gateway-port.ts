import { freePort, isPortFree } from './ports.ts'

const portOptions = ['PORT', 'GRPC_PORT'] as const
type PortOption = (typeof portOptions)[number]
export type GatewayPorts = Record<PortOption, number>

/**
 * The ports for the gateway's HTTP and gRPC sides. One that somebody asked for must be free; else it is the usual one or, when that is taken, any.
 * A GRPC_PORT of 0 stays: nothing listens.
 * @throws Error that names the port that was asked for and is taken
 */
export async function chooseGatewayPorts(
  wanted: GatewayPorts,
  { host, isAskedFor }: { host: string; isAskedFor: (name: PortOption) => boolean },
): Promise<GatewayPorts> {
  const chosen = { ...wanted }
  for (const name of portOptions) {
    const port = wanted[name]
    if (port === 0 ? name === 'GRPC_PORT' : await isPortFree(port, host)) continue
    if (port !== 0 && isAskedFor(name))
      throw new Error(
        `Port ${String(port)} was asked for by ${name} and is taken. Free it, or set ${name} to another; 0 takes ${name === 'PORT' ? 'any' : 'none'}.`,
      )
    chosen[name] = await freePort(host)
  }
  return chosen
}

/** Says which ports are others than those that were wanted. */
export const tellOtherPorts = (wanted: GatewayPorts, chosen: GatewayPorts): string[] =>
  portOptions
    .filter((name) => wanted[name] !== 0 && wanted[name] !== chosen[name])
    .map(
      (name) =>
        `Port ${String(wanted[name])} is taken, so the gateway listens ${name === 'GRPC_PORT' ? 'for gRPC ' : ''}on ${String(chosen[name])}. ${name} asks for a certain one.`,
    )

/** How a client on this machine reaches it. */
export const gatewayUrl = (host: string, port: number): string => `http://${gatewayAddress(host, port)}`

/** The same for gRPC. */
export function gatewayAddress(host: string, port: number): string {
  if (host === '0.0.0.0' || host === '::') return `127.0.0.1:${String(port)}`
  return `${host.includes(':') ? `[${host}]` : host}:${String(port)}`
}
