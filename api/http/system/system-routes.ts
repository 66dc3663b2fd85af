import { z } from 'zod'
import { makeMetricsReaders } from '../../../core/metrics-readers.ts'
import { version } from '../../../core/version.ts'
import type { GatewayDeps } from '../../gateway-deps.ts'
import { makeReadiness } from '../../readiness.ts'
import { HttpProblem } from '../problem.ts'
import { route } from '../route.ts'

export const systemRoutes = (deps: GatewayDeps) => {
  const readiness = makeReadiness(deps, version)
  const mayRead = makeMetricsReaders(deps.config.METRICS_NETWORKS)
  return [
    route({
      method: 'get',
      path: '/health',
      access: 'anyone',
      isUnlimited: true,
      tag: 'System',
      summary: 'Whether a load balancer should send requests here',
      responses: {
        200: { description: 'It serves', schema: z.object({ status: z.literal('ok') }) },
        503: { description: 'It is stopping' },
      },
      handle() {
        return Promise.resolve(
          deps.isStopping()
            ? { status: 503, body: { status: 'stopping' } }
            : { status: 200, body: { status: 'ok' } },
        )
      },
    }),
    route({
      method: 'get',
      path: '/ready',
      access: 'anyone',
      isUnlimited: true,
      tag: 'System',
      summary: 'Whether the platform works, with the state of each part',
      responses: {
        200: {
          description: 'ok, or degraded: it works, but not as it should',
          schema: z.object({
            status: z.enum(['ok', 'degraded', 'unavailable']),
            version: z.string(),
            config: z.object({ hash: z.string(), restartNeeded: z.array(z.string()) }),
            checks: z.object({
              postgres: z.enum(['up', 'down']),
              redis: z.enum(['up', 'down']),
              tiers: z.record(z.string(), z.number()),
              nodes: z.object({ live: z.number(), expected: z.number() }),
              canaryAgeSeconds: z.record(z.string(), z.number()),
            }),
            details: z.array(z.string()),
          }),
        },
        503: { description: 'Postgres is away, or the gateway is stopping' },
      },
      async handle() {
        const answer = await readiness()
        return {
          status: answer.status === 'unavailable' ? 503 : 200,
          body: answer,
          ...(answer.status === 'unavailable' && { headers: { 'Retry-After': '2' } }),
        }
      },
    }),
    route({
      method: 'get',
      path: '/metrics',
      access: 'anyone',
      isUnlimited: true,
      tag: 'System',
      summary: 'Metrics of this gateway, for networks in METRICS_NETWORKS',
      responses: {
        200: { description: 'Prometheus text', contentType: 'text/plain' },
        403: { description: 'Another network' },
      },
      async handle(call) {
        if (!mayRead(call.address()))
          throw new HttpProblem(403, 'Metrics are for the networks in METRICS_NETWORKS only.')
        const { registry } = deps.queue.metrics
        return {
          status: 200,
          headers: { 'Content-Type': registry.contentType },
          body: await registry.metrics(),
        }
      },
    }),
  ]
}
