import { openSwitchingProxy } from './switching-proxy.ts'

/** Between a client and Redis; what it has open at `goDeaf` stays open and carries nothing any more. */
export async function openRedisProxy(redisUrl: string): Promise<{ url: string; goDeaf(): void }> {
  const url = new URL(redisUrl)
  const { address, goDeaf } = await openSwitchingProxy(url.host)
  url.host = address
  return { url: url.href, goDeaf }
}
