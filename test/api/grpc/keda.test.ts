import { expect, test } from '@jest/globals'
import { credentials, type ChannelCredentials, makeClientConstructor, status } from '@grpc/grpc-js'
import { checkGatewayConfig } from '../../../api/gateway-config.ts'
import { openKedaScaler } from '../../../api/grpc/keda/open-keda-scaler.ts'
import type { ExternalScalerClient } from '../../../proto/generated/externalscaler/ExternalScaler.ts'
import { loadKedaProtocol, serviceOf, servicesOf } from '../../../proto/load-protocol.ts'
import { cleanUp } from '../../support/clean-up.ts'
import { openTestGateway } from '../../support/gateway.ts'
import { answerOf, metadata, refusalOf, statusOf } from '../../support/grpc.ts'
import { certificateTest, makeCertificates } from '../../support/certificates.ts'
import { jwtSecret, startProcess } from '../../support/platform.ts'
import { connected } from '../../support/template-database.ts'
import { waitFor } from '../../support/wait-for.ts'

const protocol = loadKedaProtocol()
const checked = { KEDA_PORT: 50_052, SCALING_POLICIES: {}, TIERS: [] }
const small = { name: 'workers', namespace: 'noodle', scalerMetadata: { tier: 'small' } }

/** A gateway whose scaler KEDA reaches, with what KEDA calls. */
async function openScaler(settings: Record<string, string> = {}) {
  const gateway = await openTestGateway(settings)
  const server = openKedaScaler(gateway.gateway)
  cleanUp(() => server.stop())
  const port = String(await server.start())
  const clientOf = (host = '127.0.0.1', channel: ChannelCredentials = credentials.createInsecure()) => {
    const Made = makeClientConstructor(serviceOf(protocol, 'externalscaler.ExternalScaler'), 'ExternalScaler')
    const made = new Made(`${host}:${port}`, channel)
    cleanUp(() => made.close())
    return made as unknown as ExternalScalerClient
  }
  const client = clientOf()
  const decide = (desired: number, mode = 'auto') =>
    gateway.deps.scaling.recordDecision(1, {
      ...{
        id: gateway.deps.newId(),
        tier: 'small',
        mode,
        desired,
        starting: 0,
        reason: 'a test',
        inputs: {},
      },
    })
  return {
    ...{ ...gateway, address: `127.0.0.1:${port}`, client, clientOf, decide },
    isActive: async (ref: object = small) => answerOf((done) => client.isActive(ref, done)),
    spec: async (ref: object = small) => answerOf((done) => client.getMetricSpec(ref, done)),
    metrics: async (metricName = 'noodle-nodes-small', scaledObjectRef: object = small) =>
      answerOf((done) => client.getMetrics({ scaledObjectRef, metricName }, done)),
  }
}

test('KEDA reads the number of nodes that was decided, one for each pod', async () => {
  const { spec, metrics, isActive, decide } = await openScaler()
  expect(await spec()).toEqual({
    metricSpecs: [{ metricName: 'noodle-nodes-small', targetSize: '1', targetSizeFloat: 1 }],
  })
  await decide(7)
  const seven = { metricName: 'noodle-nodes-small', metricValue: '7', metricValueFloat: 7 }
  expect(await metrics()).toEqual({ metricValues: [seven] })
  expect(await isActive()).toEqual({ result: true })
  await decide(0)
  expect(await metrics()).toMatchObject({ metricValues: [{ metricValue: '0', metricValueFloat: 0 }] })
  expect(await isActive()).toEqual({ result: false })
})

test('where no number is known the answer is an error, never 0', async () => {
  const { metrics, isActive, decide, call, tokenOf } = await openScaler()
  const refused = async (says: string) => {
    for (const answer of [metrics(), isActive()])
      expect(await refusalOf(answer)).toMatchObject({
        code: status.FAILED_PRECONDITION,
        details: expect.stringContaining(says),
      })
    const token = await tokenOf('user')
    expect((await call('GET', '/v1/tiers/small/scaling', { token })).body.target).toBeNull()
  }
  await refused('Nothing was decided for the tier small within 60 s')

  await decide(3)
  const token = await tokenOf('admin')
  expect((await call('GET', '/v1/tiers/small/scaling', { token })).body.target).toBe(3)
  await call('PATCH', '/v1/tiers/small/scaling', { token, body: { mode: 'dryRun' } })
  await refused('dryRun')
})

test('a decision of an ops process that is gone is not taken for one of today', async () => {
  const { deps, metrics, decide, databaseUrl } = await openScaler()
  await decide(3)
  await connected(databaseUrl, (client) =>
    client.query("UPDATE scaling SET decided_at = now() - interval '61 seconds'"),
  )
  expect((await refusalOf(metrics())).code).toBe(status.FAILED_PRECONDITION)
  expect(await deps.scaling.findState('small')).toMatchObject({ desired: 3 })
})

test('what KEDA asks for wrongly is named', async () => {
  const { metrics, spec, isActive } = await openScaler()
  for (const ref of [{}, { ...small, scalerMetadata: { tier: '' } }])
    for (const answer of [spec(ref), isActive(ref), metrics('noodle-nodes-small', ref)])
      expect(await refusalOf(answer)).toMatchObject({
        code: status.INVALID_ARGUMENT,
        details: expect.stringContaining('scalerMetadata.tier'),
      })
  const unknown = await refusalOf(spec({ ...small, scalerMetadata: { tier: 'huge' } }))
  expect(unknown).toMatchObject({ code: status.NOT_FOUND, details: expect.stringContaining('small, medium') })
  expect(await refusalOf(metrics('queue-length'))).toMatchObject({
    code: status.INVALID_ARGUMENT,
    details: expect.stringContaining('noodle-nodes-small'),
  })
})

test('a push trigger is told at once and after each change, and of nothing that is not known', async () => {
  const { client, decide, deps, isActive } = await openScaler()
  const told: boolean[] = []
  const stream = client.streamIsActive(small)
  stream.on('error', () => undefined)
  stream.on('data', ({ result }) => told.push(result))
  await refusalOf(isActive()) // the stream has looked by then as well, and found nothing
  await decide(2)
  await waitFor(() => told.length === 1)
  await deps.scaling.changePolicy('small', { mode: 'dryRun' })
  await decide(0)
  await deps.scaling.changePolicy('small', { mode: null })
  await waitFor(() => told.length === 2)
  await decide(1)
  await waitFor(() => told.length === 3)
  expect(told).toEqual([true, false, true])
  stream.cancel()
})

test('nothing else is served at this port, with whatever token', async () => {
  const { address, tokenOf } = await openScaler()
  expect([...servicesOf(protocol).keys()]).toEqual(['externalscaler.ExternalScaler'])
  const token = await tokenOf('admin')
  const { path, ...bytes } = serviceOf(protocol, 'externalscaler.ExternalScaler')['IsActive'] ?? {}
  expect(path).toBeDefined()
  for (const other of ['/noodle.v1.JobService/ListTiers', '/externalscaler.ExternalScaler/StreamMetricSpec'])
    expect((await statusOf(address, { ...bytes, path: other } as never, metadata(token))).code).toBe(
      status.UNIMPLEMENTED,
    )
})

certificateTest('with an authority for its clients nobody reads without a certificate of it', async () => {
  const pem = makeCertificates()
  const { clientOf, decide } = await openScaler({
    ...{
      KEDA_TLS_CERT: pem('server.crt'),
      KEDA_TLS_KEY: pem('server.key'),
      KEDA_TLS_CLIENT_CA: pem('ca.crt'),
    },
  })
  await decide(2)
  const bytes = (name: string): Buffer => Buffer.from(pem(name))
  const ask = (channel: ChannelCredentials) =>
    answerOf((done) =>
      clientOf('localhost', channel).isActive(small, metadata(), { deadline: Date.now() + 5000 }, done),
    )
  expect(await ask(credentials.createSsl(bytes('ca.crt'), bytes('client.key'), bytes('client.crt')))).toEqual(
    {
      result: true,
    },
  )
  for (const channel of [
    credentials.createInsecure(),
    credentials.createSsl(bytes('ca.crt')),
    credentials.createSsl(bytes('ca.crt'), bytes('other.key'), bytes('other.crt')),
  ])
    expect((await refusalOf(ask(channel))).code).toBe(status.UNAVAILABLE)
})

test('with another SCALING_DRIVER the gateway does not start, and says so before it looks for its stores', async () => {
  const gateway = startProcess('api/main.ts', {
    ...{ DATABASE_URL: 'postgres://nowhere.invalid/noodle', REDIS_URL: 'redis://nowhere.invalid' },
    ...{ AUTH_JWT_SECRET: jwtSecret, KEDA_PORT: '50052', SCALING_DRIVER: 'process' },
  })
  await waitFor(() => gateway.child.exitCode === 1)
  expect(gateway.output()).toBe(
    'The configuration is wrong:\n  - KEDA_PORT is for SCALING_DRIVER external: with process ops starts and stops nodes as well.\n',
  )
  expect(() => checkGatewayConfig({ ...checked, SCALING_DRIVER: 'none' })).toThrow('nothing is decided')
  expect(() => checkGatewayConfig({ ...checked, SCALING_DRIVER: 'external' })).not.toThrow()
})
