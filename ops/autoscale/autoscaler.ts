import { performance } from 'node:perf_hooks'
import { every } from '../../core/every.ts'
import type { Component } from '../../core/lifecycle.ts'
import type { ScalingPolicyFields } from '../../core/options/scaling-options.ts'
import { makeTimeOrderedIds } from '../../core/time-ordered-id.ts'
import { within } from '../../core/within.ts'
import { decide, type Decision } from '../../queue/domain/scaling/decide.ts'
import { learn, noteDecision, type ScalingHistory } from '../../queue/domain/scaling/history.ts'
import { decisionSeconds, type ScalingPolicy } from '../../queue/domain/scaling/policy.ts'
import type { Fleet, TierSignals } from '../../queue/domain/scaling/signals.ts'
import { restoreHistory, storeHistory } from '../../queue/domain/scaling/stored-history.ts'
import type { QueueDeps } from '../../queue/use-cases/queue-deps.ts'
import { makeScalingSignals, type TierLook } from '../../queue/use-cases/scaling-signals.ts'
import type { Leader } from '../leader.ts'
import { type FleetKeeper, makeFleetKeeper } from './fleet-keeper.ts'
import type { PatientDriver } from './patient-driver.ts'
import type { WatchedNode } from './steer.ts'

export interface AutoscalerOptions {
  leader: Pick<Leader, 'term'>
  /** Null: what is desired is only told, and somebody else acts on it. */
  driver: PatientDriver | null
  /** The policy of a tier, with what was changed of it. */
  policyOf: (tier: string, changes: ScalingPolicyFields) => ScalingPolicy
  /** Slots of a node of a tier that has had none yet, and how long its first one may take, in s. */
  usual: { slots: number; coldStartSeconds: number }
  /** A node that is not up so long after it was asked for never will be. */
  startDeadlineMs: number
  /** How long a tier waits after a node that did not come up. */
  pauseMs?: number
  everyMs?: number
}

/** What one process keeps in mind while it leads: what another leader has learnt meanwhile is read anew. */
interface Lead {
  term: number
  histories: Map<string, ScalingHistory>
  keepers: Map<string, FleetKeeper>
  /** Tiers whose last look is still being acted upon. */
  rounds: Map<string, Promise<void>>
  keptAtMs: number
}

/** What was seen of a tier at one look. */
interface Sight {
  now: Date
  seen: TierLook
  policy: ScalingPolicy
  coldStartSeconds: number
  /** What was decided before it. */
  before: number | null
}

/** What has been learnt is kept this often: it is large, and worth no more than that. */
const keepHistoryMs = 60_000
/** How long deeds that were begun may take when the process ends. */
const lastDeedsMs = 5000
/** How soon after it has taken the lead a process decides. */
const takeUpMs = 1000

/**
 * Decides each few seconds how many nodes each tier should have, and has the driver start and stop nodes until it does. Only the leader decides, and it asks
 * right before each deed whether it still leads. What it can't know it does not take for nothing: then all stays as it is. Tiers wait for each other in nothing but the
 * look at what is asked of them: one whose nodes are slow to answer for is decided upon again when they have.
 */
export function makeAutoscaler(deps: QueueDeps, options: AutoscalerOptions): Component {
  const { leader, driver, policyOf, usual, everyMs = decisionSeconds * 1000 } = options
  const { log, metrics, scaling } = deps
  const signals = makeScalingSignals(deps, usual.slots)
  let lead: Lead | null = null
  let isStopping = false
  let recordMs = 0
  /** By the clock of the record, for decisions are listed by them: that of one leader may be ahead of the next one's. */
  const newId = makeTimeOrderedIds(() => recordMs)

  async function tick(): Promise<number> {
    const beganMs = performance.now()
    const term = leader.term()
    if (term === null || (lead && lead.term !== term)) abdicate()
    if (term === null) return takeUpMs
    const states = new Map((await scaling.listStates()).map((state) => [state.tier, state]))
    const policies = new Map(
      deps.tiers.map(({ name }) => [name, policyOf(name, states.get(name)?.policy ?? {})]),
    )
    const led = (lead ??= await takeOver(term, policies))
    const look = await signals.read(
      deps.tiers.map(({ name }) => targetOf(name, policies.get(name))),
      sinceOf(led.histories),
    )
    recordMs = look.now.getTime()
    const coldStarts = await scaling.readColdStarts()
    const isKeeping = performance.now() - led.keptAtMs > keepHistoryMs
    for (const { name: tier } of deps.tiers) {
      const [policy, seen, history] = [policies.get(tier), look.tiers.get(tier), led.histories.get(tier)]
      if (!policy || !seen || !history) continue
      const coldStartSeconds = coldStarts.get(tier) ?? usual.coldStartSeconds
      const before = states.get(tier)?.desired ?? null
      const sight = { now: look.now, seen, policy, coldStartSeconds, before }
      // Also of a tier that is not decided upon now: what has arrived is told once.
      learn(history, signalsOf(tier, sight, led.keepers.get(tier)?.latest() ?? []), policy)
      if (led.rounds.has(tier)) continue
      const round = goRound(led, tier, history, sight, isKeeping)
        .catch((error: unknown) => log.warn('a tier could not be scaled, it is tried again', { tier, error }))
        .finally(() => led.rounds.delete(tier))
      led.rounds.set(tier, round)
    }
    if (isKeeping) led.keptAtMs = performance.now()
    await within(everyMs, Promise.all(led.rounds.values()))
    return Math.max(0, everyMs - (performance.now() - beganMs))
  }

  async function takeOver(term: number, policies: ReadonlyMap<string, ScalingPolicy>): Promise<Lead> {
    const kept = await scaling.readHistories()
    const { startDeadlineMs, pauseMs = 10_000 } = options
    const leads = (): boolean => !isStopping && lead?.term === term && leader.term() === term
    const keepers = driver
      ? deps.tiers.map(({ name: tier }) => {
          const keeper = makeFleetKeeper(deps, { tier, driver, leads, startDeadlineMs, pauseMs })
          return [tier, keeper] as const
        })
      : []
    return {
      term,
      histories: new Map(
        [...policies].map(([tier, policy]) => [tier, restoreHistory(kept.get(tier), policy)]),
      ),
      keepers: new Map(keepers),
      rounds: new Map(),
      keptAtMs: -Infinity,
    }
  }

  /** What was seen and decided here is another's from now on; numbers that stayed would be read beside the new leader's. */
  function abdicate(): void {
    if (lead === null) return
    lead = null
    for (const gauge of [metrics.nodes, metrics.nodesDesired, metrics.nodesTarget, metrics.coldStart])
      gauge.reset()
  }

  /** One tier, from what its nodes are to what is done about it. */
  async function goRound(
    led: Lead,
    tier: string,
    history: ScalingHistory,
    sight: Sight,
    isKeeping: boolean,
  ): Promise<void> {
    const { policy, seen } = sight
    const keeper = led.keepers.get(tier)
    const own = keeper ? await keeper.look(new Set(seen.nodes.map(({ id }) => id))) : []
    const told = signalsOf(tier, sight, own)
    const decided = decide(told, policy, history)
    const decision = policy.misfit ? { ...decided, reason: `${decided.reason} ${policy.misfit}` } : decided
    const isMine = await scaling.recordDecision(led.term, {
      ...{ id: newId(), tier, mode: policy.mode, desired: decision.desired },
      ...{ starting: told.fleet?.startingSeconds.length ?? 0 },
      ...{ reason: decision.reason, inputs: decision.inputs },
      ...(isKeeping && { history: storeHistory(history) }),
    })
    if (lead !== led) return
    if (!isMine) {
      abdicate()
      return
    }
    noteDecision(history, told, decision.desired)
    tell(sight, told, decision)
    if (!keeper || !own || policy.mode === 'dryRun') return
    const { desired } = decision
    const most = Math.max(policy.max, desired) // a schedule or an override may ask for more than max
    await keeper.bring({ desired, most }, seen, own)
  }

  /** `own`: the driver's nodes; null when it does not tell. */
  function signalsOf(tier: string, sight: Sight, own: readonly WatchedNode[] | null): TierSignals {
    const { now, seen } = sight
    return {
      ...{ tier, nowMs: now.getTime(), demand: seen.demand, usage: seen.usage },
      fleet: own && fleetOf(sight, own, lead?.keepers.get(tier)?.unanswered() ?? 0),
    }
  }

  function tell(
    { policy: { mode }, seen, before }: Sight,
    { tier, fleet }: TierSignals,
    { desired, reason, inputs }: Decision,
  ): void {
    metrics.nodesDesired.set({ tier }, desired)
    if (mode === 'dryRun') metrics.nodesTarget.remove({ tier })
    else metrics.nodesTarget.set({ tier }, desired)
    metrics.nodes.set({ tier, state: 'ready' }, readyOf(seen))
    metrics.nodes.set({ tier, state: 'draining' }, seen.nodes.length - readyOf(seen))
    metrics.nodes.set({ tier, state: 'starting' }, fleet?.startingSeconds.length ?? 0)
    if (fleet) metrics.coldStart.set({ tier }, fleet.coldStartSeconds)
    if (before === null || before === desired) return
    metrics.scalingDecisions.inc({ tier, direction: desired > before ? 'up' : 'down' })
    log.info('a tier shall have another number of nodes', { tier, from: before, to: desired, reason, inputs })
  }

  const loop = every(everyMs, tick, { name: 'autoscaler', log })
  return {
    name: loop.name,
    start: () => loop.start(),
    async stop() {
      isStopping = true
      const rounds = lead?.rounds ?? new Map<string, Promise<void>>()
      await loop.stop()
      await within(lastDeedsMs, Promise.all(rounds.values()))
      await driver?.close()
    },
  }
}

function fleetOf({ seen, coldStartSeconds }: Sight, own: readonly WatchedNode[], unanswered: number): Fleet {
  const live = new Set(seen.nodes.map(({ id }) => id))
  const onTheirWay = own.filter(({ id, isStopping }) => !isStopping && !live.has(id))
  return {
    slotsPerNode: seen.slotsPerNode,
    ready: readyOf(seen),
    startingSeconds: [
      ...onTheirWay.map(({ missingMs }) => missingMs / 1000),
      ...new Array<number>(unanswered).fill(0),
    ],
    draining: seen.nodes.length - readyOf(seen),
    coldStartSeconds,
  }
}

const readyOf = ({ nodes }: TierLook): number => nodes.filter(({ state }) => state === 'ready').length

const targetOf = (name: string, policy: ScalingPolicy | undefined) => ({
  name,
  targetWaitMs: policy?.targetWaitMs ?? 0,
  idleBelow: policy?.thresholds.down ?? 1,
})

/** From where the last leader left off, unless that is long ago. */
function sinceOf(histories: ReadonlyMap<string, ScalingHistory>): Date | null {
  const atMs = Math.max(...[...histories.values()].map((history) => history.atMs ?? -Infinity))
  return Number.isFinite(atMs) ? new Date(atMs) : null
}
