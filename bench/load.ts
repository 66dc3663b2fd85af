import { Pool } from 'undici'

export interface Load {
  /** Answers a second. */
  rate: number
  p50Ms: number
  p99Ms: number
  failures: number
}

/** Sends the same request again and again over so many connections, each waiting for its answer (a closed loop), until `count` were answered. */
export async function load(
  request: { url: string; headers: Record<string, string>; body: string },
  { connections, count }: { connections: number; count: number },
): Promise<Load> {
  const { origin, pathname } = new URL(request.url)
  const pool = new Pool(origin, { connections, pipelining: 1 })
  const times = new Float64Array(count)
  let sent = 0
  let failures = 0
  const startedAt = performance.now()
  await Promise.all(
    Array.from({ length: connections }, async () => {
      for (let index = sent++; index < count; index = sent++) {
        const sentAt = performance.now()
        const { statusCode, body } = await pool.request({
          method: 'POST',
          path: pathname,
          headers: request.headers,
          body: request.body,
        })
        await body.dump()
        if (statusCode !== 202) failures++
        times[index] = performance.now() - sentAt
      }
    }),
  )
  const seconds = (performance.now() - startedAt) / 1000
  await pool.close()
  times.sort()
  return { rate: count / seconds, p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99), failures }
}

export const quantile = (sorted: ArrayLike<number>, share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN
