import type Docker from 'dockerode'
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { performance } from 'node:perf_hooks'
import { openEngine, saidBy, statusOf } from '../../../core/container-engine.ts'
import type { Logger } from '../../../core/logger.ts'
import { copyName, copyWorker, mostCopies, type InspectedContainer } from '../docker/copy-worker.ts'
import { lastLinesOf } from '../docker/last-lines.ts'
import {
  findModel,
  ofProject,
  ownProject,
  type ScaledContainer,
  scaledAmong,
} from '../docker/scaled-containers.ts'
import type { NodeDriver } from './node-driver.ts'

export interface DockerDriverOptions {
  /** Of the engine, or of the gate before it. */
  address: string
  /** The compose project whose workers are copied; undefined for that of this process' own container. */
  project: string | undefined
  /** How long a worker may take to end in order, at least; its container's own stop grace counts when it is longer. */
  stopDeadlineMs: number
  log: Logger
}

/** A container that was made and not started for so long never will be: whoever made it has heard no answer. */
const abandonedMs = 60_000
/** A container that ends by itself so soon after its start never came up. */
const soonMs = 60_000
/** An engine that takes longer to start one is not waited for. */
const startMs = 10_000

/**
 * Nodes are containers like those of the compose project's workers. What is its own is told by labels, so that the next leader finds it. The engine keeps
 * nothing alive: containers that have ended are removed, and no more nodes. When its process ends they go on.
 */
export function makeDockerDriver(options: DockerDriverOptions): NodeDriver {
  const { address, stopDeadlineMs, log } = options
  let opening: Promise<Docker> | undefined
  let project = options.project
  /** Containers that were told to stop, and when they have had their time (performance.now()). */
  const stopping = new Map<string, number>()
  /** Containers that were not started when they were seen first, and when that was. */
  const unstarted = new Map<string, number>()
  /** Containers that the engine is starting for this process. */
  const starting = new Map<string, Promise<void>>()
  /** Containers that this process had started a moment ago, and when. */
  const begun = new Map<string, number>()
  /** What tiers that are listed at the same time share. */
  let looking: Promise<ScaledContainer[]> | undefined
  /** What became of the last container of a tier that did not come up. */
  const failures = new Map<string, string>()

  async function open(signal: AbortSignal): Promise<{ engine: Docker; project: string }> {
    const engine = await (opening ??= openEngine(address))
    project ??= ownProject(await engine.listContainers({ abortSignal: signal }), hostname())
    if (project !== undefined) return { engine, project }
    throw new Error(
      'Ops runs in no container of a compose project that the engine knows; set SCALING_DOCKER_PROJECT.',
    )
  }

  async function look(signal: AbortSignal) {
    const { engine, project } = await open(signal)
    const beginning = new Set(starting.keys()) // before the engine is asked: they may have begun when it answers
    const listed = await engine.listContainers({
      ...{ all: true, filters: ofProject(project), abortSignal: signal },
    })
    const scaled = scaledAmong(listed).map((one) =>
      one.state === 'created' && beginning.has(one.id) ? { ...one, state: 'running' } : one,
    )
    return { engine, project, listed, scaled }
  }

  /** Removes what is no node any more. What can't be removed now is met again by the next look. */
  async function clearAway(engine: Docker, scaled: readonly ScaledContainer[], abortSignal: AbortSignal) {
    const states = new Map(scaled.map(({ id, state }) => [id, state]))
    for (const id of stopping.keys()) if (!states.has(id)) stopping.delete(id)
    for (const id of unstarted.keys()) if (states.get(id) !== 'created') unstarted.delete(id)
    for (const [id, sinceMs] of begun) if (performance.now() - sinceMs > soonMs) begun.delete(id)
    for (const one of scaled) {
      const why = reasonToRemove(one)
      if (why === null) continue
      const { nodeId, tier, status: how } = one
      const container = engine.getContainer(one.id)
      if (why !== 'stopped') {
        const lastLines = await lastLinesOf(container, abortSignal)
        log.warn(`a worker container ${why}, it is removed`, { nodeId, tier, how, lastLines })
        if (begun.delete(one.id))
          failures.set(tier, `ended right after its start: ${how}: ${lastLines ?? ''}`)
      }
      try {
        await container.remove({ force: true, v: true, abortSignal })
      } catch (error) {
        if (isGoneOrBusy(error)) continue // it goes already
        log.warn('a worker container could not be removed', { nodeId, tier, said: saidBy(error) })
      }
    }
  }

  /** An engine takes about a second to start a container, and starts several at once: so nobody waits for it. */
  async function begin(container: Docker.Container, tier: string): Promise<void> {
    begun.set(container.id, performance.now())
    try {
      await container.start({ abortSignal: AbortSignal.timeout(startMs) })
    } catch (error) {
      log.warn('a worker container could not be started', { tier, said: saidBy(error) })
      // Without an answer it is not known; the next look tells.
      if (statusOf(error) !== undefined) failures.set(tier, `could not be started: ${saidBy(error)}`)
    } finally {
      starting.delete(container.id)
    }
  }

  async function lookAndClear(signal: AbortSignal): Promise<ScaledContainer[]> {
    const { engine, scaled } = await look(signal)
    await clearAway(engine, scaled, signal)
    return scaled
  }

  /** Null for a container that stays. */
  function reasonToRemove({ id, state }: ScaledContainer) {
    const stopByMs = stopping.get(id)
    if (state === 'exited' || state === 'dead') return stopByMs === undefined ? 'ended by itself' : 'stopped'
    if (stopByMs !== undefined && performance.now() > stopByMs) return 'did not stop in time'
    if (state !== 'created') return null
    const sinceMs = unstarted.get(id) ?? performance.now()
    unstarted.set(id, sinceMs)
    return performance.now() - sinceMs > abandonedMs ? 'was never started' : null
  }

  return {
    name: 'docker',
    // Two starts would want the same name, and take each other's container for one that was never started. An engine does what takes long by itself.
    callsAtOnce: 1,
    async list(tier, signal) {
      looking ??= lookAndClear(signal).finally(() => (looking = undefined))
      const scaled = (await looking).filter((one) => one.tier === tier)
      return scaled.filter(isUp).map(({ id, nodeId }) => ({
        ...{ id: nodeId, tier },
        isStopping: stopping.has(id),
      }))
    },
    async start(tier, abortSignal) {
      const failure = failures.get(tier)
      failures.delete(tier)
      // Told once, as the failure of this start: else a tier whose workers can't come up would have one container made after another.
      if (failure !== undefined) throw new Error(`The last container of tier ${tier} ${failure}`)
      const { engine, project, listed, scaled } = await look(abortSignal)
      const model = (await engine
        .getContainer(findModel(listed, tier))
        .inspect({ abortSignal })) as unknown as InspectedContainer
      // A start of which the answer was lost has come to nothing yet; should it go on, it finds its container gone.
      const leftovers = scaled.filter((one) => one.tier === tier && one.state === 'created')
      for (const { id } of leftovers)
        await engine.getContainer(id).remove({ force: true, v: true, abortSignal })
      const kept = scaled.filter((one) => !leftovers.includes(one))
      const names = { tier, ...nextNames(project, tier, kept) }
      const { name, body, joins } = copyWorker(model, project, names)
      const made = await engine.createContainer({
        ...{ _query: { name }, _body: body, abortSignal },
      })
      for (const { network, endpoint } of joins)
        await engine.getNetwork(network).connect({
          Container: made.id,
          EndpointConfig: endpoint,
          abortSignal,
        } as Docker.NetworkConnectOptions)
      starting.set(made.id, begin(made, tier))
    },
    drain: () => Promise.resolve(),
    recall: () => Promise.resolve(),
    async stop({ id: nodeId }, abortSignal) {
      const { engine, scaled } = await look(abortSignal)
      const known = scaled.find((one) => one.nodeId === nodeId)
      if (!known || stopping.has(known.id)) return
      await starting.get(known.id) // one that has not begun can't be told to end
      const container = engine.getContainer(known.id)
      try {
        const { Config } = (await container.inspect({ abortSignal })) as unknown as InspectedContainer
        const graceMs = Math.max(stopDeadlineMs, (Config.StopTimeout ?? 0) * 1000)
        await container.kill({ signal: 'SIGTERM', abortSignal })
        stopping.set(known.id, performance.now() + graceMs)
      } catch (error) {
        if (isGoneOrBusy(error)) return // it has ended by itself meanwhile
        throw error
      }
    },
    async close() {
      await Promise.all(starting.values())
    },
  }
}

const isUp = ({ state }: ScaledContainer): boolean => ['running', 'paused', 'restarting'].includes(state)

/** There is no such container, or it is not in a state for what was asked. */
const isGoneOrBusy = (error: unknown): boolean => statusOf(error) === 404 || statusOf(error) === 409

/**
 * The first number that is free in the tier: two starts that know nothing of each other want the same name, and the engine gives it to one of them.
 * The node's id is another each time, for a lease outlives its node.
 */
function nextNames(project: string, tier: string, scaled: readonly ScaledContainer[]) {
  const taken = new Set(scaled.map(({ name }) => name))
  for (let number = 1; number <= mostCopies; number++) {
    const name = copyName(project, { tier, number })
    if (taken.has(name)) continue
    return { number, nodeId: `${name.slice(-57)}-${randomBytes(3).toString('hex')}` }
  }
  throw new Error(`Tier ${tier} has ${String(mostCopies)} containers of scaling, more are not made.`)
}
