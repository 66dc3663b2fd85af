/** What the campaign tells the processes of the baseline: the options that it also gives the platform. */
export function readBaselineSettings(): {
  redisUrl: string
  port: number
  concurrency: number
  lockMs: number
} {
  const { REDIS_URL = '', PORT = '0', CONCURRENCY = '10', DELIVERY_LOCK_MS = '30000' } = process.env
  return {
    redisUrl: REDIS_URL,
    port: Number(PORT),
    concurrency: Number(CONCURRENCY),
    lockMs: Number(DELIVERY_LOCK_MS),
  }
}
