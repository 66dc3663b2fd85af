import { expect, test } from '@jest/globals'
import { openTestGateway } from '../support/gateway.ts'
import { connected } from '../support/template-database.ts'
import { aNode } from '../support/test-queue.ts'
import { waitFor } from '../support/wait-for.ts'

test('health answers while it serves, and 503 from the stop on', async () => {
  const gateway = await openTestGateway()
  expect(await gateway.call('GET', '/health')).toMatchObject({ status: 200, body: { status: 'ok' } })
  gateway.beginStop()
  expect(await gateway.call('GET', '/health')).toMatchObject({ status: 503 })
  expect(await gateway.call('GET', '/ready')).toMatchObject({ status: 503, body: { status: 'unavailable' } })
})

test('ready is degraded with a reason for each tier without a node and for missing nodes, and ok when all is there', async () => {
  const gateway = await openTestGateway({ CLUSTER_SIZE: '2' })
  const before = await gateway.call('GET', '/ready')
  expect(before).toMatchObject({
    status: 200,
    body: {
      status: 'degraded',
      checks: { postgres: 'up', redis: 'up', tiers: { small: 0, medium: 0, heavy: 0 } },
    },
  })
  expect(before.body.details).toEqual([
    'No node of the tier small is up.',
    'No node of the tier medium is up.',
    'No node of the tier heavy is up.',
    '0 of 2 expected nodes are up.',
  ])

  const full = await openTestGateway()
  await aNode(full.deps)
  const bootId = full.deps.newId()
  await full.deps.nodes.register(
    {
      id: 'big',
      bootId,
      tiers: ['medium', 'heavy'],
      cpus: 8,
      memoryMb: 1,
      gpus: 2,
      concurrency: 1,
      version: '0',
      tasks: [],
    },
    60_000,
  )
  expect((await full.call('GET', '/ready')).body).toMatchObject({ status: 'ok', details: [] })
})

test('ready is degraded while no canary comes through a tier with free slots, but not of a platform that just started', async () => {
  const { call, deps, databaseUrl } = await openTestGateway()
  const sql = (text: string) => connected(databaseUrl, (client) => client.query(text))
  const ready = async () => (await call('GET', '/ready')).body
  await aNode(deps)
  const fresh = await ready()
  expect(fresh.checks.canaryAgeSeconds).toEqual({ small: expect.any(Number) })
  expect(fresh.details.join()).not.toContain('canary')
  await sql("UPDATE nodes SET started_at = now() - interval '100 seconds'")
  const late = await waitFor(async () => {
    const body = await ready()
    return body.details.join().includes('canary') && body
  })
  expect(late).toMatchObject({
    status: 'degraded',
    details: expect.arrayContaining([
      expect.stringMatching(/tier small .* for 10\d s no canary has come through/),
    ]),
  })
  await sql('UPDATE nodes SET concurrency = 0') // as if all slots were taken
  await waitFor(async () => !(await ready()).details.join().includes('canary'))
})

test('metrics are Prometheus text with the requests by route, for the configured networks only', async () => {
  const open = await openTestGateway()
  await open.call('GET', '/v1/jobs/nonsense', { token: await open.tokenOf('user') })
  const { status, body } = await open.call('GET', '/metrics')
  expect(status).toBe(200)
  expect(body).toMatch(
    /noodle_http_request_duration_seconds_count\{method="GET",route="\/v1\/jobs\/:id",status="400"\} 1/,
  )
  const closed = await openTestGateway({ METRICS_NETWORKS: '10.0.0.0/8' })
  expect((await closed.call('GET', '/metrics')).status).toBe(403)
})

test('every answer carries a request id, the given one when it is harmless', async () => {
  const { call } = await openTestGateway()
  expect(
    (await call('GET', '/health', { headers: { 'X-Request-Id': 'trace-7' } })).headers.get('X-Request-Id'),
  ).toBe('trace-7')
  const forged = await call('GET', '/v1/jobs', { headers: { 'X-Request-Id': 'a b"c' } })
  expect(forged.headers.get('X-Request-Id')).toBe(forged.body.requestId)
  expect(forged.body.requestId).not.toBe('a b"c')
})

test('the OpenAPI document lists every call with its access, and the reference page shows it', async () => {
  const { call, routes } = await openTestGateway()
  const { body: document } = await call('GET', '/openapi.json')
  expect(document.openapi).toBe('3.1.0')
  for (const route of routes) {
    const operation = document.paths[route.path.replace(/[:*](\w+)/g, '{$1}')]?.[route.method]
    expect({ path: route.path, summary: operation?.summary }).toEqual({
      path: route.path,
      summary: route.summary,
    })
    if (!['anyone', 'authenticated'].includes(route.access))
      expect(operation.description).toContain(route.access)
    for (const status of Object.keys(route.responses))
      expect(Object.keys(operation.responses)).toContain(status)
  }
  const submit = document.paths['/v1/jobs'].post.requestBody.content['application/json'].schema
  const schema = document.components.schemas[submit.$ref.split('/').at(-1)]
  expect(schema).toMatchObject({
    required: ['task'],
    additionalProperties: false,
    properties: { priority: { minimum: 0, maximum: 9 } },
  })
  const page = await call('GET', '/docs')
  expect(page.headers.get('Content-Security-Policy')).toContain("script-src 'self'")
  for (const [, asset] of String(page.body).matchAll(/(?:src|href)="(\/docs\/[^"]+)"/g))
    expect((await call('GET', asset ?? '')).status).toBe(200)
})
