import { performance } from 'node:perf_hooks'
import type { QueueDeps } from '../../queue/use-cases/queue-deps.ts'
import type { TierLook } from '../../queue/use-cases/scaling-signals.ts'
import type { DrivenNode } from './drivers/node-driver.ts'
import { NotYet } from './drivers/not-yet.ts'
import { makeNodeWatch } from './node-watch.ts'
import type { PatientDriver } from './patient-driver.ts'
import { makeStartPatience } from './start-patience.ts'
import { steer, type SteeredNode, type WatchedNode } from './steer.ts'

/** Has the driver start and stop the nodes of one tier. What it does for one tier waits for nothing that concerns another. */
export interface FleetKeeper {
  /** The driver's nodes of the tier; null when it does not tell. `live` are the ids of the nodes that the registry calls live. */
  look(live: ReadonlySet<string>): Promise<WatchedNode[] | null>
  /** As it was last known. */
  latest(): readonly WatchedNode[]
  /** Nodes that were asked for by calls of which it is not known what came of them. */
  unanswered(): number
  /**
   * Does what is missing to `desired`; `most` is how many of the driver's nodes there may be at once. Resolves when each call of the driver has been answered or
   * given up; one that could not be done is told in the log, and met again by the next look.
   */
  bring(to: { desired: number; most: number }, seen: TierLook, own: readonly WatchedNode[]): Promise<void>
}

export interface FleetKeeperOptions {
  tier: string
  driver: PatientDriver
  /** Asked right before each deed. */
  leads: () => boolean
  /** A node that is not up so long after it was asked for never will be. */
  startDeadlineMs: number
  /** How long the tier waits after a node that did not come up. */
  pauseMs: number
}

/** In a row, until a human is called for. */
const failuresTold = 3

export function makeFleetKeeper(
  deps: Pick<QueueDeps, 'log' | 'metrics' | 'scaling' | 'settings' | 'nodes' | 'signals'>,
  { tier, driver, leads, startDeadlineMs, pauseMs }: FleetKeeperOptions,
): FleetKeeper {
  const { log, metrics, scaling, settings } = deps
  const watch = makeNodeWatch()
  const patience = makeStartPatience(pauseMs)
  let latest: readonly WatchedNode[] = []
  /** Nodes of ours that have come up. */
  let known = new Set<string>()
  /** Why nodes that should have been stopped were not, as of the last try. */
  const unstopped = new Map<string, string>()
  let hasBegun = false

  /** Of those that were asked for before, as many as are on their way may still answer. */
  async function forgetLostStarts(onTheirWay: number): Promise<void> {
    if (hasBegun) return
    await scaling.forgetStarts(tier, onTheirWay)
    hasBegun = true
  }

  async function noteArrivals(seen: TierLook, own: readonly WatchedNode[]): Promise<void> {
    const ours = new Set(own.map(({ id }) => id))
    for (const { id, startedAt } of seen.nodes) {
      if (!ours.has(id) || known.has(id)) continue
      await scaling.noteReady(tier, id, startedAt)
      patience.noteSuccess()
      known.add(id)
    }
  }

  async function start(): Promise<void> {
    if (!leads() || patience.isWaiting(performance.now())) return
    const asked = await scaling.noteStart(tier)
    try {
      await driver.start(tier)
      log.info('a node was asked for', { tier, driver: driver.name })
    } catch (error) {
      noteFailure('a node could not be asked for', { error })
      await scaling.forgetStart(asked)
    }
  }

  async function drain(node: DrivenNode): Promise<void> {
    if (!leads() || !(await mark(node))) return
    if (!(await deps.nodes.drain(node.id, { isRecallable: true }))) return // it has ended by itself meanwhile
    deps.signals.tellNode(node.id)
    log.info('a node takes no more jobs, it is not needed', { tier, nodeId: node.id })
  }

  /** False when it goes all the same. */
  async function recall(node: DrivenNode): Promise<boolean> {
    if (!leads()) return false
    try {
      await driver.recall(node)
    } catch (error) {
      log.warn('a node could not be called back, another is asked for', { tier, nodeId: node.id, error })
      return false
    }
    if (!(await deps.nodes.recall(node.id))) return false
    deps.signals.tellNode(node.id)
    log.info('a node that was draining takes jobs again', { tier, nodeId: node.id })
    return true
  }

  async function stop(node: DrivenNode, why: string): Promise<void> {
    // It may have come up since: then it takes jobs, and is drained first.
    if (why !== 'drained' && (await deps.nodes.findLive(node.id))) return
    if (!leads()) return
    try {
      await driver.stop(node)
      unstopped.delete(node.id)
      log.info('a node is stopped', { tier, nodeId: node.id, why })
    } catch (error) {
      tellUndone('a node could not be stopped, it is tried again', node, error)
    }
  }

  /** False when it goes on for now. */
  async function mark(node: DrivenNode): Promise<boolean> {
    try {
      await driver.drain(node)
      return true
    } catch (error) {
      tellUndone('a node could not be marked, so that it goes on', node, error)
      return false
    }
  }

  /** What has to wait is told when it begins to, and when the reason is another. */
  function tellUndone(message: string, { id }: DrivenNode, error: unknown): void {
    const why = error instanceof NotYet ? error.message : null
    const fields = { tier, nodeId: id, driver: driver.name }
    if (why === null) log.warn(message, { ...fields, error })
    else if (unstopped.get(id) !== why) log.info('a node is not stopped yet', { ...fields, why })
    unstopped.set(id, why ?? '')
  }

  function noteFailure(message: string, fields: Record<string, unknown>): void {
    metrics.nodeStartFailures.inc({ tier })
    const failures = patience.noteFailure(performance.now())
    log.warn(message, { tier, failures, ...fields })
    if (failures === failuresTold)
      log.error('nodes of a tier do not come up; look at the driver and at their logs', { tier, failures })
  }

  return {
    async look(live) {
      let driven: DrivenNode[]
      try {
        driven = await driver.list(tier)
      } catch (error) {
        log.warn('the nodes are not known, so none is started or stopped', {
          ...{ tier, driver: driver.name, error },
        })
        return null
      }
      const ids = new Set(driven.map(({ id }) => id))
      known = new Set([...known].filter((id) => ids.has(id)))
      for (const id of unstopped.keys()) if (!ids.has(id)) unstopped.delete(id)
      return (latest = watch.look(driven, live, performance.now()))
    },
    latest: () => latest,
    unanswered: () => driver.unanswered(tier),
    async bring({ desired, most }, seen, own) {
      const open = driver.unanswered(tier)
      const plan = steer({
        ...{ desired: desired - open, max: most - open },
        nodes: seen.nodes.map((node) => toSteered(node, seen.busyMs)),
        ...{ driven: own, startDeadlineMs, unstopped: new Set(unstopped.keys()) },
        lostDeadlineMs: 2 * (settings.leaseMs + settings.leaseGraceMs) + 30_000,
      })
      await forgetLostStarts(open + plan.starting)
      await noteArrivals(seen, own)
      for (const { node, why } of plan.stop)
        if ((why === 'did not come up' || why === 'lost') && !unstopped.has(node.id))
          noteFailure(`a node ${why === 'lost' ? 'was lost' : why}, it is replaced`, { nodeId: node.id })
      let missing = plan.start
      await inTurn(
        driver.callsAtOnce,
        plan.recall.map((node) => async () => {
          if (!(await recall(node))) missing++
        }),
      )
      await inTurn(driver.callsAtOnce, [
        ...plan.drain.map((node) => () => drain(node)),
        ...plan.stop.map(
          ({ node, why }) =>
            () =>
              stop(node, why),
        ),
        ...Array.from({ length: missing }, () => start),
      ])
    },
  }
}

/** In their order, so many at once. */
async function inTurn(atOnce: number, deeds: readonly (() => Promise<void>)[]): Promise<void> {
  const left = deeds.values()
  const goOn = async (): Promise<void> => {
    for (const deed of left) await deed()
  }
  const ended = await Promise.allSettled(Array.from({ length: atOnce }, goOn))
  for (const one of ended) if (one.status === 'rejected') throw one.reason
}

const toSteered = (
  { id, tiers, state, drainedAt, isRecallable }: TierLook['nodes'][number],
  busyMs: ReadonlyMap<string, number>,
): SteeredNode => ({
  ...{ id, tiers, isRecallable, isDrained: drainedAt !== null, busyMs: busyMs.get(id) ?? 0 },
  state: state === 'ready' ? 'ready' : 'draining',
})
