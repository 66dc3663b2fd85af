import { credentials, makeClientConstructor } from '@grpc/grpc-js'
import { expect, test } from '@jest/globals'
import { freePort } from '../../ops/local/ports.ts'
import type { ExternalScalerClient } from '../../proto/generated/externalscaler/ExternalScaler.ts'
import type { GetMetricsResponse__Output } from '../../proto/generated/externalscaler/GetMetricsResponse.ts'
import { loadKedaProtocol, serviceOf } from '../../proto/load-protocol.ts'
import { cleanUp } from '../support/clean-up.ts'
import { answerOf } from '../support/grpc.ts'
import { startPlatform } from '../support/platform.ts'
import { waitFor } from '../support/wait-for.ts'

test('KEDA reads from a gateway what ops decides, and follows an override', async () => {
  const port = String(await freePort())
  const platform = await startPlatform({
    KEDA_PORT: port,
    SCALING_POLICIES: JSON.stringify({ small: { min: 3 } }),
  })
  const Client = makeClientConstructor(serviceOf(loadKedaProtocol(), 'externalscaler.ExternalScaler'), 'KEDA')
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure())
  cleanUp(() => client.close())
  const scaler = client as unknown as ExternalScalerClient
  const scaledObjectRef = { scalerMetadata: { tier: 'small' } }
  const nodes = async (): Promise<number | undefined> => {
    const { metricValues } = await answerOf<GetMetricsResponse__Output>((done) =>
      scaler.getMetrics({ scaledObjectRef, metricName: 'noodle-nodes-small' }, done),
    )
    return metricValues[0]?.metricValueFloat
  }
  await waitFor(async () => (await nodes()) === 3, { timeoutMs: 20_000 })

  const body = { override: { replicas: 0, until: new Date(Date.now() + 600_000).toISOString() } }
  await platform.call('PATCH', '/v1/tiers/small/scaling', { token: await platform.token(), body })
  await waitFor(async () => (await nodes()) === 0)
  expect(await answerOf((done) => scaler.isActive(scaledObjectRef, done))).toEqual({ result: false })
})
