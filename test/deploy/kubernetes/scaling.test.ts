import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { credentials, makeClientConstructor } from '@grpc/grpc-js'
import { expect, test } from '@jest/globals'
import { parse, parseAllDocuments } from 'yaml'
import { openKedaScaler } from '../../../api/grpc/keda/open-keda-scaler.ts'
import { makeMetrics } from '../../../core/metrics.ts'
import type { ExternalScalerClient } from '../../../proto/generated/externalscaler/ExternalScaler.ts'
import type { GetMetricSpecResponse__Output } from '../../../proto/generated/externalscaler/GetMetricSpecResponse.ts'
import { loadKedaProtocol, serviceOf } from '../../../proto/load-protocol.ts'
import { defaultPolicy } from '../../../queue/domain/scaling/policy.ts'
import { cleanUp } from '../../support/clean-up.ts'
import { openTestGateway } from '../../support/gateway.ts'
import { answerOf } from '../../support/grpc.ts'
import { schemaFaults, unknownFields } from './api-schema.ts'
import { folder, kustomizeTest, type Manifest, ofKind, renderWith } from './kustomize.ts'
import { workloadsOf } from './pods.ts'

/*
 * What lets others scale the workers. KEDA is not here: the trigger's own words are said to the gateway as KEDA says them, over the same protocol.
 */

const examplesFolder = join(folder, 'examples')
const read = (name: string) => readFileSync(join(examplesFolder, name), 'utf8')
const examples = readdirSync(examplesFolder)
  .filter((name) => /^[a-z-]+\.yaml$/.test(name))
  .flatMap((name) => parseAllDocuments(read(name)).map((document) => document.toJS() as Manifest))

/** Bounds of what scales a Deployment, by its name. */
const boundsIn = (manifests: readonly Manifest[]) =>
  ofKind(manifests, 'ScaledObject', 'HorizontalPodAutoscaler').map(({ spec }) => ({
    name: spec.scaleTargetRef.name,
    min: spec.minReplicaCount ?? spec.minReplicas,
    max: spec.maxReplicaCount ?? spec.maxReplicas,
  }))

async function decided(desired: number) {
  const gateway = await openTestGateway()
  for (const { name: tier } of gateway.deps.tiers)
    await gateway.deps.scaling.recordDecision(1, {
      ...{ id: gateway.deps.newId(), tier, mode: 'auto', desired, starting: 0, reason: 'a test', inputs: {} },
    })
  return gateway
}

test('the API and KEDA take the examples, and know each field of them', async () => {
  expect(await schemaFaults(examples)).toEqual([])
  expect(await unknownFields(examples)).toBe('')
})

test('what scales a tier without the component leaves its policy the bounds that it has by default', () => {
  const bounds = { min: defaultPolicy.min, max: defaultPolicy.max }
  expect(boundsIn(examples)).toEqual([
    { name: 'noodle-worker-small', ...bounds },
    { name: 'noodle-worker-small', ...bounds },
  ])
})

kustomizeTest(
  'each tier has a ScaledObject, whose trigger the gateway answers with the decided number',
  async () => {
    const manifests = renderWith('keda')
    const workers = workloadsOf(manifests).filter(({ env }) => env['TIER'])
    const master = workloadsOf(manifests).find(({ name }) => name === 'noodle-master')
    const [service] = ofKind(manifests, 'Service').filter(({ metadata }) => metadata.name === 'noodle-keda')
    expect(boundsIn(manifests).map(({ name }) => name)).toEqual(
      expect.arrayContaining(workers.map(({ name }) => name)),
    )

    const { gateway } = await decided(7)
    const server = openKedaScaler(gateway)
    cleanUp(() => server.stop())
    const Client = makeClientConstructor(
      serviceOf(loadKedaProtocol(), 'externalscaler.ExternalScaler'),
      'KEDA',
    )
    const client = new Client(`127.0.0.1:${String(await server.start())}`, credentials.createInsecure())
    cleanUp(() => client.close())
    const scaler = client as unknown as ExternalScalerClient

    for (const { metadata, spec } of ofKind(manifests, 'ScaledObject')) {
      const [{ metadata: scalerMetadata, metricType }] = spec.triggers
      const worker = workers.find(({ name }) => name === spec.scaleTargetRef.name)
      expect(scalerMetadata.tier).toBe(worker?.env['TIER'])
      const ref = { ...metadata, scalerMetadata }
      const { metricSpecs } = await answerOf<GetMetricSpecResponse__Output>((done) =>
        scaler.getMetricSpec(ref, done),
      )
      const metricName = metricSpecs[0]?.metricName ?? ''
      // AverageValue: pods = value / target, rounded up.
      expect([metricType, metricSpecs]).toMatchObject(['AverageValue', [{ targetSizeFloat: 1 }]])
      expect(
        await answerOf((done) => scaler.getMetrics({ scaledObjectRef: ref, metricName }, done)),
      ).toMatchObject({
        metricValues: [{ metricName, metricValueFloat: 7 }],
      })
      const [host, port] = scalerMetadata.scalerAddress.split(':')
      expect(host).toBe(`${service?.metadata.name ?? ''}.${service?.metadata.namespace ?? ''}`)
      expect([service?.['spec'].ports[0].port, master?.env['KEDA_PORT']]).toEqual([Number(port), port])
    }
  },
)

kustomizeTest('what scales the workers is not undone by the manifests', () => {
  for (const component of ['keda', 'autoscaler'])
    for (const { metadata, spec } of ofKind(renderWith(component), 'Deployment'))
      expect([metadata.name, 'replicas' in spec]).toEqual([metadata.name, metadata.name === 'noodle-master'])
})

kustomizeTest('components that scale render in any order', () => {
  const named = (components: string) =>
    renderWith(components)
      .map(({ kind, metadata }) => `${kind} ${metadata.name}`)
      .sort()
  expect(named('keda autoscaler')).toEqual(named('autoscaler keda'))
})

test("KEDA's metrics-api scaler finds the number where it looks for it", async () => {
  const [{ metadata } = { metadata: {} as Record<string, string> }] = ofKind(
    examples,
    'ScaledObject',
  ).flatMap(({ spec }) => spec.triggers as { metadata: Record<string, string> }[])
  const { pathname, search, host } = new URL(metadata['url'] ?? '')
  expect([host, metadata['targetValue'], metadata['authMode']]).toEqual(['noodle.noodle:8080', '1', 'bearer'])
  const gateway = await decided(5)
  const token = await gateway.tokenOf('user')
  const answer = await gateway.call('GET', pathname + search, { token })
  expect(answer.body[metadata['valueLocation'] ?? '']).toBe(5)
})

test('the HPA asks for the metric that the adapter makes, which ops has', async () => {
  const values = parse(read('prometheus-adapter.values.yaml')) as {
    rules: { external: { seriesQuery: string }[] }
  }
  const name = /^\w+/.exec(values.rules.external[0]?.seriesQuery ?? '')?.[0]
  const [hpa] = ofKind(examples, 'HorizontalPodAutoscaler')
  expect(hpa?.['spec'].metrics[0].external).toEqual({
    metric: { name, selector: { matchLabels: { tier: 'small' } } },
    target: { type: 'AverageValue', averageValue: '1' },
  })
  const known = await makeMetrics().registry.getMetricsAsJSON()
  expect(known.map((metric) => metric.name)).toContain(name)
})
