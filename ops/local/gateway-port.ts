import { freePort, isPortFree } from './ports.ts'

/**
 * The port for the gateway. One that somebody asked for must be free; else it is the usual one or, when that is taken, any.
 * @throws Error that names the port that was asked for and is taken
 */
export async function chooseGatewayPort(
  wanted: number,
  { host, wasAskedFor }: { host: string; wasAskedFor: boolean },
): Promise<number> {
  if (wanted !== 0 && (await isPortFree(wanted, host))) return wanted
  if (wanted !== 0 && wasAskedFor)
    throw new Error(
      `Port ${String(wanted)} was asked for by PORT and is taken. Free it, or set PORT to another; 0 takes any.`,
    )
  return freePort(host)
}

/** How a client on this machine reaches it. */
export function gatewayUrl(host: string, port: number): string {
  if (host === '0.0.0.0' || host === '::') return `http://127.0.0.1:${String(port)}`
  return `http://${host.includes(':') ? `[${host}]` : host}:${String(port)}`
}
