import { request } from 'node:http'
import { expect, test } from '@jest/globals'
import { makeLogger } from '../../core/logger.ts'
import { makeMetrics } from '../../core/metrics.ts'
import { makeMetricsEndpoint } from '../../core/metrics-endpoint.ts'
import { cleanUp } from '../support/clean-up.ts'
import { freePort } from '../support/platform.ts'

test('an endpoint on all addresses tells its health to all, and metrics only to METRICS_NETWORKS', async () => {
  const port = await openEndpoint({ host: '0.0.0.0', networks: ['127.0.0.2', '10.0.0.0/8'] })
  expect(await get(port, '/metrics', '127.0.0.2')).toBe(200)
  expect(await get(port, '/metrics', '127.0.0.3')).toBe(403)
  expect(await get(port, '/health', '127.0.0.3')).toBe(200)
})

test('a caller whose IPv4 address is told as an IPv6 one is known by it', async () => {
  const port = await openEndpoint({ host: '::', networks: ['127.0.0.2'] })
  expect(await get(port, '/metrics', '127.0.0.2')).toBe(200)
  expect(await get(port, '/metrics', '127.0.0.3')).toBe(403)
})

test('/ready is served where somebody tells whether it is so', async () => {
  let why: string | null = 'it is not registered'
  const port = await openEndpoint({ host: '0.0.0.0', networks: ['127.0.0.2'], whyNotReady: () => why })
  expect(await get(port, '/ready', '127.0.0.3')).toBe(503)
  why = null
  expect(await get(port, '/ready', '127.0.0.3')).toBe(200)
  expect(await get(await openEndpoint({ host: '0.0.0.0', networks: [] }), '/ready', '127.0.0.1')).toBe(404)
})

test('what is no network in METRICS_NETWORKS is named at the start', () => {
  expect(() =>
    makeMetricsEndpoint({ port: 0, host: '127.0.0.1', networks: ['10.0.0.0/99'], ...plumbing() }),
  ).toThrow('METRICS_NETWORKS: 10.0.0.0/99 is not a network')
})

const plumbing = () => ({ metrics: makeMetrics(), log: makeLogger({ level: () => 'error', format: 'json' }) })

async function openEndpoint(options: {
  host: string
  networks: string[]
  whyNotReady?: () => string | null
}): Promise<number> {
  const port = await freePort()
  const endpoint = makeMetricsEndpoint({ port, ...options, ...plumbing() })
  await endpoint.start()
  cleanUp(() => endpoint.stop())
  return port
}

/** The status that a caller at `from`, an address of the loopback network, gets. */
function get(port: number, path: string, from: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path, localAddress: from, agent: false }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
      .once('error', reject)
      .end()
  })
}
