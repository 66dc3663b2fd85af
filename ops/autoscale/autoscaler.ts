import { performance } from 'node:perf_hooks'
import { every } from '../../core/every.ts'
import type { Component } from '../../core/lifecycle.ts'
import type { ScalingPolicyFields } from '../../core/options/scaling-options.ts'
import { decide, type Decision } from '../../queue/domain/scaling/decide.ts'
import { learn, noteDecision, type ScalingHistory } from '../../queue/domain/scaling/history.ts'
import type { ScalingPolicy } from '../../queue/domain/scaling/policy.ts'
import type { TierSignals } from '../../queue/domain/scaling/signals.ts'
import { restoreHistory, storeHistory } from '../../queue/domain/scaling/stored-history.ts'
import type { QueueDeps } from '../../queue/use-cases/queue-deps.ts'
import { makeScalingSignals, type ScalingLook, type TierLook } from '../../queue/use-cases/scaling-signals.ts'
import type { Leader } from '../leader.ts'
import type { DrivenNode } from './drivers/node-driver.ts'
import { NotYet } from './drivers/not-yet.ts'
import { makeNodeWatch } from './node-watch.ts'
import type { PatientDriver } from './patient-driver.ts'
import { makeStartPatience } from './start-patience.ts'
import { steer, type SteeredNode, type SteerPlan, type WatchedNode } from './steer.ts'

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

/** What has been learnt is kept this often: it is large, and worth no more than that. */
const keepHistoryMs = 60_000
/** In a row, until a human is called for. */
const failuresTold = 3

/**
 * Decides each few seconds how many nodes each tier should have, and has the driver start and stop nodes until it does. Only the leader decides, and it asks
 * right before each deed whether it still leads. What it can't know it does not take for nothing: then all stays as it is.
 */
export function makeAutoscaler(deps: QueueDeps, options: AutoscalerOptions): Component {
  const { leader, driver, policyOf, usual, startDeadlineMs } = options
  const { log, metrics, scaling, settings } = deps
  const signals = makeScalingSignals(deps, usual.slots)
  const watch = makeNodeWatch()
  const patience = makeStartPatience(options.pauseMs ?? 10_000)
  /** Null while this process does not lead: what another leader has learnt meanwhile is read anew. */
  let histories: Map<string, ScalingHistory> | null = null
  let keptAtMs = -Infinity
  /** Nodes of ours that have come up. */
  let known = new Set<string>()
  /** Why nodes that should have been stopped were not, as of the last try. */
  const unstopped = new Map<string, string>()

  async function tick(): Promise<void> {
    const term = leader.term()
    if (term === null) {
      abdicate()
      return
    }
    const states = new Map((await scaling.listStates()).map((state) => [state.tier, state]))
    const policies = new Map(
      deps.tiers.map(({ name }) => [name, policyOf(name, states.get(name)?.policy ?? {})]),
    )
    histories ??= await loadHistories(policies)
    const look = await signals.read(
      deps.tiers.map(({ name }) => targetOf(name, policies.get(name))),
      sinceOf(histories),
    )
    const coldStarts = await scaling.readColdStarts()
    const driven = await listDriven(look)
    const isKeeping = performance.now() - keptAtMs > keepHistoryMs
    for (const { name: tier } of deps.tiers) {
      const policy = policies.get(tier)
      const seen = look.tiers.get(tier)
      const history = histories.get(tier)
      if (!policy || !seen || !history) continue
      const own = driven?.filter((node) => node.tier === tier) ?? null
      const coldStartSeconds = coldStarts.get(tier) ?? usual.coldStartSeconds
      const told = signalsOf(tier, look.now, seen, own, coldStartSeconds)
      learn(history, told, policy)
      const decision = decide(told, policy, history)
      const isMine = await scaling.recordDecision(term, {
        ...{ id: deps.newId(), tier, mode: policy.mode, desired: decision.desired },
        ...{ starting: told.fleet?.startingSeconds.length ?? 0 },
        ...{ reason: decision.reason, inputs: decision.inputs },
        ...(isKeeping && { history: storeHistory(history) }),
      })
      if (!isMine) {
        abdicate()
        return
      }
      noteDecision(history, told, decision.desired)
      tell(policy, seen, told, decision, states.get(tier)?.desired ?? null)
      if (own && policy.mode !== 'dryRun') await act(tier, policy, decision, seen, own)
    }
    if (isKeeping) keptAtMs = performance.now()
  }

  /** What was seen and decided here is another's from now on; numbers that stayed would be read beside the new leader's. */
  function abdicate(): void {
    if (histories === null) return
    histories = null
    for (const gauge of [metrics.nodes, metrics.nodesDesired, metrics.nodesTarget, metrics.coldStart])
      gauge.reset()
  }

  async function loadHistories(
    policies: ReadonlyMap<string, ScalingPolicy>,
  ): Promise<Map<string, ScalingHistory>> {
    const kept = await scaling.readHistories()
    return new Map([...policies].map(([tier, policy]) => [tier, restoreHistory(kept.get(tier), policy)]))
  }

  /** Null when the driver does not tell. */
  async function listDriven({ tiers }: ScalingLook): Promise<WatchedNode[] | null> {
    if (!driver) return null
    let driven: DrivenNode[]
    try {
      driven = await driver.list()
    } catch (error) {
      log.warn('the nodes are not known, so none is started or stopped', { driver: driver.name, error })
      return null
    }
    const live = new Set([...tiers.values()].flatMap(({ nodes }) => nodes.map(({ id }) => id)))
    const ids = new Set(driven.map(({ id }) => id))
    known = new Set([...known].filter((id) => ids.has(id)))
    for (const id of unstopped.keys()) if (!ids.has(id)) unstopped.delete(id)
    return watch.look(driven, live, performance.now())
  }

  function signalsOf(
    tier: string,
    now: Date,
    seen: TierLook,
    own: readonly WatchedNode[] | null,
    coldStartSeconds: number,
  ): TierSignals {
    const isUnknown = driver !== null && own === null
    const live = new Set(seen.nodes.map(({ id }) => id))
    const onTheirWay = (own ?? []).filter(({ id, isStopping }) => !isStopping && !live.has(id))
    return {
      ...{ tier, nowMs: now.getTime(), demand: seen.demand, usage: seen.usage },
      fleet: isUnknown
        ? null
        : {
            slotsPerNode: seen.slotsPerNode,
            ready: readyOf(seen),
            startingSeconds: [
              ...onTheirWay.map(({ missingMs }) => missingMs / 1000),
              ...new Array<number>(driver?.unanswered(tier) ?? 0).fill(0),
            ],
            draining: seen.nodes.length - readyOf(seen),
            coldStartSeconds,
          },
    }
  }

  function tell(
    { mode }: ScalingPolicy,
    seen: TierLook,
    { tier, fleet }: TierSignals,
    { desired, reason, inputs }: Decision,
    before: number | null,
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

  async function act(
    tier: string,
    policy: ScalingPolicy,
    { desired }: Decision,
    seen: TierLook,
    own: readonly WatchedNode[],
  ): Promise<void> {
    if (!driver) return
    const most = Math.max(policy.max, desired) // a schedule or an override may ask for more than max
    const plan = steer({
      ...{ desired: desired - driver.unanswered(tier), max: most - driver.unanswered(tier) },
      nodes: seen.nodes.map((node) => toSteered(node, seen.busyMs)),
      ...{ driven: own, startDeadlineMs, unstopped: new Set(unstopped.keys()) },
      lostDeadlineMs: 2 * (settings.leaseMs + settings.leaseGraceMs) + 30_000,
    })
    await noteArrivals(tier, seen, own)
    await stopAndDrain(tier, plan)
    for (let n = 0; n < plan.start && leads(); n++) {
      if (patience.isWaiting(tier, performance.now())) return
      try {
        await scaling.noteStart(tier)
        await driver.start(tier)
        log.info('a node was asked for', { tier, driver: driver.name })
      } catch (error) {
        noteFailure(tier, 'a node could not be asked for', { error })
        return
      }
    }
  }

  async function noteArrivals(tier: string, seen: TierLook, own: readonly WatchedNode[]): Promise<void> {
    const ours = new Set(own.map(({ id }) => id))
    for (const { id, startedAt } of seen.nodes) {
      if (!ours.has(id) || known.has(id)) continue
      await scaling.noteReady(tier, id, startedAt)
      patience.noteSuccess(tier)
      known.add(id)
    }
  }

  async function stopAndDrain(tier: string, plan: SteerPlan): Promise<void> {
    if (!driver) return
    for (const node of plan.drain) {
      if (!leads()) return
      if (!(await mark(node))) continue
      if (!(await deps.nodes.drain(node.id))) continue // it has ended by itself meanwhile
      log.info('a node takes no more jobs, it is not needed', { tier, nodeId: node.id })
    }
    for (const { node, why } of plan.stop) {
      // It may have come up since: then it is drained first.
      if (why === 'not needed' && (await deps.nodes.findLive(node.id))) continue
      if (!leads()) return
      const isFailure = why === 'did not come up' || why === 'lost'
      if (isFailure && !unstopped.has(node.id))
        noteFailure(tier, `a node ${why === 'lost' ? 'was lost' : why}, it is replaced`, { nodeId: node.id })
      if (await stop(node)) log.info('a node is stopped', { tier, nodeId: node.id, why })
    }
  }

  async function stop(node: DrivenNode): Promise<boolean> {
    try {
      await driver?.stop(node)
      unstopped.delete(node.id)
      return true
    } catch (error) {
      tellUndone('a node could not be stopped, it is tried again', node, error)
      return false
    }
  }

  /** False when it goes on for now. */
  async function mark(node: DrivenNode): Promise<boolean> {
    try {
      await driver?.drain(node)
      return true
    } catch (error) {
      tellUndone('a node could not be marked, so that it goes on', node, error)
      return false
    }
  }

  /** What has to wait is told when it begins to, and when the reason is another. */
  function tellUndone(message: string, { id, tier }: DrivenNode, error: unknown): void {
    const why = error instanceof NotYet ? error.message : null
    const fields = { tier, nodeId: id, driver: driver?.name }
    if (why === null) log.warn(message, { ...fields, error })
    else if (unstopped.get(id) !== why) log.info('a node is not stopped yet', { ...fields, why })
    unstopped.set(id, why ?? '')
  }

  function noteFailure(tier: string, message: string, fields: Record<string, unknown>): void {
    metrics.nodeStartFailures.inc({ tier })
    const failures = patience.noteFailure(tier, performance.now())
    log.warn(message, { tier, failures, ...fields })
    if (failures === failuresTold)
      log.error('nodes of a tier do not come up; look at the driver and at their logs', { tier, failures })
  }

  const leads = (): boolean => leader.term() !== null

  const loop = every(options.everyMs ?? 5000, tick, { name: 'autoscaler', log })
  return {
    name: loop.name,
    start: () => loop.start(),
    async stop() {
      await loop.stop()
      await driver?.close()
    },
  }
}

const readyOf = ({ nodes }: TierLook): number => nodes.filter(({ state }) => state === 'ready').length

const targetOf = (name: string, policy: ScalingPolicy | undefined) => ({
  name,
  targetWaitMs: policy?.targetWaitMs ?? 0,
  idleBelow: policy?.thresholds.down ?? 1,
})

const toSteered = (
  { id, tiers, state, drainedAt }: TierLook['nodes'][number],
  busyMs: ReadonlyMap<string, number>,
): SteeredNode => ({
  ...{ id, tiers, isDrained: drainedAt !== null, busyMs: busyMs.get(id) ?? 0 },
  state: state === 'ready' ? 'ready' : 'draining',
})

/** From where the last leader left off, unless that is long ago. */
function sinceOf(histories: ReadonlyMap<string, ScalingHistory>): Date | null {
  const atMs = Math.max(...[...histories.values()].map((history) => history.atMs ?? -Infinity))
  return Number.isFinite(atMs) ? new Date(atMs) : null
}
