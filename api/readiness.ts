import { performance } from 'node:perf_hooks'
import { isLate } from '../queue/domain/canary.ts'
import type { GatewayDeps } from './gateway-deps.ts'

export interface Readiness {
  status: 'ok' | 'degraded' | 'unavailable'
  version: string
  /** Of this gateway: the hash of what it works with, and the options whose new values wait for a restart. */
  config: { hash: string; restartNeeded: string[] }
  checks: {
    postgres: 'up' | 'down'
    redis: 'up' | 'down'
    /** Live nodes of each tier. */
    tiers: Record<string, number>
    nodes: { live: number; expected: number }
    /** Of each tier with ready nodes, how long ago the last canary that came through was submitted. */
    canaryAgeSeconds: Record<string, number>
  }
  /** One sentence for each thing that is not as it should be. */
  details: string[]
}

/** Ops looks at the stores twice a minute; what it found longer ago is out of date. */
const storeTroublesMaxAgeMs = 90_000

/** While somebody scales he decides each few seconds. */
const decisionMaxAgeMs = 60_000

/** How old an answer may be: anybody may ask, and the stores must not feel it. */
const maxAgeMs = 500

/** Only Postgres away, or stopping, makes the gateway unavailable: the trouble of one tier or of Redis must not take it out of the balancer. */
export function makeReadiness(deps: GatewayDeps, version: string): () => Promise<Readiness> {
  let latest: { readiness: Promise<Readiness>; readAtMs: number } | undefined
  return () => {
    const nowMs = performance.now()
    if (!latest || deps.isStopping() || nowMs - latest.readAtMs > maxAgeMs)
      latest = { readiness: look(deps, version), readAtMs: nowMs }
    return latest.readiness
  }
}

async function look(deps: GatewayDeps, version: string): Promise<Readiness> {
  const [isPostgresUp, isRedisUp] = await Promise.all([deps.pingPostgres(), deps.queue.deliveries.ping()])
  const nodes = isPostgresUp ? (await deps.fleet().catch(() => ({ nodes: [] }))).nodes : []
  const troubles = isPostgresUp
    ? await deps.queue.platform.findStoreTroubles(storeTroublesMaxAgeMs).catch(() => [])
    : []
  // Meant to have none just now.
  const emptied = isPostgresUp ? await deps.queue.scaling.listStates(decisionMaxAgeMs).catch(() => []) : []
  const isScaledToZero = (tier: string): boolean =>
    emptied.some((state) => state.tier === tier && state.desired === 0)
  const canaries = isPostgresUp ? await deps.queue.canaries.readHealth().catch(() => []) : []
  const tiers = Object.fromEntries(
    deps.queue.tiers.map(({ name }) => [name, nodes.filter((node) => node.tiers.includes(name)).length]),
  )
  const expected = deps.config.CLUSTER_SIZE
  const unavailable = [
    ...(isPostgresUp ? [] : ['Postgres is away.']),
    ...(deps.isStopping() ? ['The gateway is stopping.'] : []),
  ]
  const degraded = [
    ...(isRedisUp ? [] : ['Redis is away.']),
    ...troubles,
    ...(isPostgresUp
      ? Object.keys(tiers)
          .filter((tier) => tiers[tier] === 0 && !isScaledToZero(tier))
          .map((tier) => `No node of the tier ${tier} is up.`)
      : []),
    ...canaries
      .filter(isLate)
      .map(
        ({ tier, ageMs }) =>
          `Nodes of the tier ${tier} are up and have free slots, but for ${String(Math.round(ageMs / 1000))} s no canary has come through.`,
      ),
    ...(isPostgresUp && nodes.length < expected
      ? [`${String(nodes.length)} of ${String(expected)} expected nodes are up.`]
      : []),
  ]
  return {
    status: unavailable.length > 0 ? 'unavailable' : degraded.length > 0 ? 'degraded' : 'ok',
    version,
    config: { hash: deps.liveConfig.hash(), restartNeeded: [...deps.liveConfig.restartNeeded()] },
    checks: {
      postgres: isPostgresUp ? 'up' : 'down',
      redis: isRedisUp ? 'up' : 'down',
      tiers,
      nodes: { live: nodes.length, expected },
      canaryAgeSeconds: Object.fromEntries(
        canaries.map(({ tier, ageMs }) => [tier, Math.round(ageMs / 1000)]),
      ),
    },
    details: [...unavailable, ...degraded],
  }
}
