import { expect, test } from '@jest/globals'
import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { openBalancer } from '../support/balancer.ts'
import { freePort, startPlatform } from '../support/platform.ts'
import { waitFor } from '../support/wait-for.ts'

/** Long enough for the balancer's checks, also on a machine that does much else. */
const delayMs = 1000

test('from SIGTERM on a gateway says that it goes, serves on, and then ends streams and waits so that clients go on elsewhere', async () => {
  const platform = await startPlatform({ SHUTDOWN_DELAY_MS: String(delayMs) })
  const { call, url, gateway } = platform
  const token = await platform.token()
  const headers = { Authorization: `Bearer ${token}` }
  const { body: job } = await call('POST', '/v1/jobs', { token, body: { task: 'echo' } })
  const stream = await fetch(`${url}/v1/jobs/${String(job.id)}/events`, {
    headers: { ...headers, Accept: 'text/event-stream' },
  })
  const streamed = stream.text() // rejects when the connection is cut
  const waited = call('POST', '/v1/jobs', { token, body: { task: 'echo' }, headers: { Prefer: 'wait=30' } })
  await waitFor(async () => (await call('GET', '/v1/jobs', { token })).body.items.length === 2)

  const stoppedMs = performance.now()
  const exited = gateway.stop()
  await waitFor(async () => (await call('GET', '/health')).status === 503)
  expect((await call('GET', '/ready')).status).toBe(503)
  const during = await call('POST', '/v1/jobs', { token, body: { task: 'echo' } })
  expect([during.status, during.headers.get('Connection')]).toEqual([202, 'close'])
  expect(performance.now() - stoppedMs).toBeLessThan(delayMs)

  expect(await streamed).toContain('event: state')
  expect(await waited).toMatchObject({ status: 202, body: { state: 'queued' } })
  expect(performance.now() - stoppedMs).toBeGreaterThan(delayMs - 50)
  expect(await exited).toBe(0)
  await expect(fetch(`${url}/health`)).rejects.toThrow()
})

test('all gateways and workers restarted one by one under load: no request fails, no job is lost', async () => {
  const platform = await startPlatform({
    SHUTDOWN_DELAY_MS: String(delayMs),
    LOG_LEVEL: 'info',
    GRPC_PORT: '0',
  })
  const token = await platform.token()
  const [firstPort, secondPort] = [platform.env['PORT'] ?? '', String(await freePort())]
  const gateways = new Map([
    [firstPort, platform.gateway],
    [secondPort, await platform.startGateway({ PORT: secondPort })],
  ])
  const startWorker = () =>
    platform.startWorker({ TIER: 'small', CONCURRENCY: '4', DRAIN_DEADLINE_MS: '3000' })
  const workers = await Promise.all([startWorker(), startWorker()])
  const { url } = await openBalancer([Number(firstPort), Number(secondPort)])

  const accepted = new Set<string>()
  const failures: string[] = []
  let isOver = false
  const submit = async (client: number, n: number): Promise<void> => {
    const response = await fetch(`${url}/v1/jobs`, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        Authorization: `Bearer ${token}`,
        'Idempotency-Key': `${String(client)}-${String(n)}`,
      },
      body: JSON.stringify({ task: 'sleep', payload: { ms: n % 5 === 0 ? 100 : 1 } }),
    })
    const body = (await response.json()) as { id?: string }
    if (response.ok && body.id !== undefined) accepted.add(body.id)
    else failures.push(`${String(response.status)} ${JSON.stringify(body)}`)
  }
  const load = [0, 1, 2, 3].map(async (client) => {
    for (let n = 0; !isOver; n++) {
      await submit(client, n).catch((error: unknown) => failures.push(String(error)))
      await delay(10)
    }
  })

  for (const [port, gateway] of gateways) {
    const worker = workers.shift()
    const codes = await Promise.all([gateway.stop(), worker?.stop()])
    expect(codes).toEqual([0, 0])
    await Promise.all([platform.startGateway({ PORT: port }), startWorker()])
  }
  isOver = true
  await Promise.all(load)
  expect(failures).toEqual([])
  expect(accepted.size).toBeGreaterThan(50)

  const states = async (): Promise<Set<string>> => {
    const response = await fetch(`${url}/v1/tiers`, { headers: { Authorization: `Bearer ${token}` } })
    const { items } = (await response.json()) as {
      items: { pending: number; queued: number; running: number }[]
    }
    return new Set(items.flatMap(({ pending, queued, running }) => [pending, queued, running].map(String)))
  }
  await waitFor(async () => [...(await states())].join() === '0', { timeoutMs: 20_000 })
  const ended = await Promise.all(
    [...accepted].map(async (id) => {
      const response = await fetch(`${url}/v1/jobs/${id}`, { headers: { Authorization: `Bearer ${token}` } })
      return ((await response.json()) as { state: string }).state
    }),
  )
  expect(new Set(ended)).toEqual(new Set(['succeeded']))
}, 120_000) // six processes start after each other
