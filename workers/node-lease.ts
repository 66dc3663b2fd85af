import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { every } from '../core/every.ts'
import type { Component } from '../core/lifecycle.ts'
import type { NodeRegistration, NodeReport } from '../queue/domain/node.ts'
import type { Boot } from '../queue/intake/boot.ts'
import type { Runs } from '../queue/intake/runs.ts'
import type { Standing } from '../queue/intake/standing.ts'
import type { HeldJob } from '../queue/store/nodes-table.ts'
import { isWorthRetrying } from '../queue/use-cases/finish-job.ts'
import type { QueueDeps } from '../queue/use-cases/queue-deps.ts'
import type { LeaseGuard } from './lease-guard.ts'
import { machineMs } from './machine-clock.js'
import type { Platform } from './platform.ts'

/** This process's place in the register of nodes, and its right to hold jobs. */
export interface NodeLease extends Component, Standing {
  /** True when what `boot` runs may have been killed by now because its lease was not renewed, even if nobody here has noticed it yet. */
  hasLapsed(boot: Boot): boolean
  /** True while the node is registered and its lease is certain. */
  isHeld(): boolean
}

export interface NodeLeaseOptions {
  node: Omit<NodeRegistration, 'bootId'>
  runs: Runs
  /** They act a little later than the node itself does. */
  guards: readonly LeaseGuard[]
  /** Ends all that runs, at once: it may be given to others from now on. */
  killAll: () => void
  /** The node is told to take no more jobs. */
  onDraining: () => void
  /** It is told to take jobs again. */
  onRecalled: () => void
  /** How long processes get between SIGTERM and SIGKILL when a job is cancelled. */
  killGraceMs: number
  /** What each renewal tells of the node. */
  report: () => NodeReport
}

type LeaseDeps = Pick<QueueDeps, 'newId' | 'log'> & {
  platform: Pick<Platform, 'settings' | 'registerNode' | 'renew' | 'sayGoodbye' | 'onChange' | 'handBack'>
}

/** How long before its end, as this process reckons it, a lease counts no more: time to kill what runs. */
const marginOf = (leaseMs: number): number => Math.min(1000, leaseMs / 5)

/** How long the goodbye may take; the lease runs out by itself. */
const goodbyeDeadlineMs = 2000

/**
 * Registers the node and renews its lease every third of it. The lease is reckoned from before the last good renewal was sent, so that it ends here
 * before it can end in Postgres. When it does, all that runs is killed; when a renewal is refused, this boot is dead: the node registers anew.
 */
export function makeNodeLease(deps: LeaseDeps, options: NodeLeaseOptions): NodeLease {
  const { platform, newId, log } = deps
  const { settings } = platform
  const { node, runs, guards } = options
  const { leaseMs } = settings
  let boot: (Boot & { end: () => void }) | undefined
  /** Kept over a try whose answer was lost: it may have been registered. */
  let nextBootId = newId()
  let liveUntilMs = 0
  /** The same on the machine's clock, which counts also while the machine sleeps. */
  let liveUntilMachineMs = 0
  let turnMs: number | undefined
  let expiry: NodeJS.Timeout | undefined
  let isDraining = false
  let isTakenLogged = false
  const liveWaiters = new Set<() => void>()

  const isRegistered = (): boolean => boot !== undefined
  const isLive = (): boolean => boot !== undefined && performance.now() < liveUntilMs

  /**
   * Read once in a turn of the event loop, for it is asked for each job and takes as long as the rest of a short one. Forgotten before the loop waits
   * again: a sleep of the machine can hide in no more than the turn that it fell into; that the process was stopped the other clock tells at any time.
   */
  function machineMsOfTurn(): number {
    if (turnMs === undefined) {
      turnMs = machineMs()
      setImmediate(() => (turnMs = undefined))
    }
    return turnMs
  }

  /** `sentAtMs`: on the machine's clock, when the renewal was sent. */
  function trust(sentAtMs: number): void {
    const untilMs = sentAtMs + leaseMs - marginOf(leaseMs)
    const live = performance.now() + untilMs - machineMs()
    guard(live)
    // Frozen until now: the guards may have killed what ran, and the timer had no turn yet. Asked after they were told, so that they can't do so later.
    if (liveUntilMs > 0 && machineMs() >= liveUntilMachineMs) {
      expire()
      guard(live)
    }
    liveUntilMs = live
    liveUntilMachineMs = untilMs
    clearTimeout(expiry)
    expiry = setTimeout(expire, Math.max(0, liveUntilMs - performance.now()))
    for (const wake of liveWaiters) wake()
  }

  /** Leaves nothing behind: while the stores are away it is called again and again. */
  function untilLive(waitMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', end)
        liveWaiters.delete(end)
        resolve()
      }
      const timer = setTimeout(end, waitMs)
      signal.addEventListener('abort', end)
      liveWaiters.add(end)
    })
  }

  function guard(liveMs: number | null): void {
    for (const each of guards) each.guardUntil(liveMs === null ? null : liveMs + marginOf(leaseMs) / 2)
  }

  function expire(): void {
    log.warn('lease could not be renewed in time, all jobs of this node are stopped', { runs: runs.count() })
    stopAll()
  }

  function stopAll(): void {
    liveUntilMs = liveUntilMachineMs = 0
    clearTimeout(expiry)
    guard(null)
    runs.stopAll({ reason: 'lease lost', killGraceMs: 0 })
    options.killAll() // also those that were stopping already, within their grace
  }

  async function tick(): Promise<void> {
    if (!boot) return register()
    const current = boot
    const sentAtMs = machineMs()
    const renewal = await platform.renew(current.id, options.report())
    if (!renewal) {
      log.warn('this node was given up, its lease ran out; it registers anew', {
        bootId: current.id,
        runs: runs.count(),
      })
      boot = undefined
      current.end()
      stopAll()
      return register()
    }
    trust(sentAtMs)
    if (renewal.state === 'draining') drain()
    else goOn()
    await Promise.all(renewal.held.map((held) => review(current, held)))
  }

  /** A row that this process does not run was claimed by a claim whose answer was lost, or its run was killed when the lease ran out. */
  async function review(current: Boot, held: HeldJob): Promise<void> {
    const run = runs.find(held.id, held.fence)
    if (run) {
      if (held.isCancelRequested)
        run.stopping.abort({ reason: 'cancelled', killGraceMs: options.killGraceMs })
      return
    }
    if (runs.isClaiming(held.id)) return // its answer is on its way; else the next renewal tells
    const state = await platform.handBack(current.id, held, 'not-running').catch((error: unknown) => {
      if (!isWorthRetrying(error)) throw error
      return null // the next renewal lists it again
    })
    if (state)
      log.warn('a job that this node held without running it was handed back', {
        jobId: held.id,
        fence: held.fence,
        state,
      })
  }

  async function register(): Promise<void> {
    const bootId = nextBootId
    const sentAtMs = machineMs()
    if (!(await platform.registerNode({ ...node, bootId }, { isDraining }))) {
      if (!isTakenLogged)
        log.warn('the node id belongs to another live process; waiting until its lease runs out', {
          nodeId: node.id,
        })
      isTakenLogged = true
      return
    }
    nextBootId = newId()
    isTakenLogged = false
    const ended = new AbortController()
    boot = { id: bootId, ended: ended.signal, end: () => ended.abort() }
    trust(sentAtMs)
    log.info('node registered', {
      nodeId: node.id,
      bootId,
      tiers: node.tiers,
      concurrency: node.concurrency,
      gpus: node.gpus,
    })
  }

  function drain(): void {
    if (isDraining) return
    isDraining = true
    log.info('node was told to take no more jobs', { nodeId: node.id })
    options.onDraining()
  }

  function goOn(): void {
    if (!isDraining) return
    isDraining = false
    log.info('node was told to take jobs again', { nodeId: node.id })
    options.onRecalled()
  }

  const loop = every(leaseMs / 3, tick, { name: 'node lease', log })

  return {
    name: 'node lease',
    /** Resolves when the node is registered, or Postgres can't be reached just now. @throws when its id belongs to a live process for two leases */
    async start() {
      await platform.onChange(node.id, () => loop.nudge())
      const deadlineMs = performance.now() + 2 * leaseMs + settings.leaseGraceMs
      while (!isRegistered()) {
        try {
          await register()
        } catch (error) {
          if (!isWorthRetrying(error)) throw error
          log.warn('the node could not register yet, Postgres is unavailable', { error })
          break
        }
        if (performance.now() > deadlineMs && !isRegistered()) {
          throw new Error(
            `The node id ${node.id} belongs to another live process, which keeps renewing its lease. Give each worker a NODE_ID of its own, or leave it unset.`,
          )
        }
        if (!isRegistered()) await delay(Math.min(500, leaseMs / 3))
      }
      await loop.start()
    },
    async stop() {
      await loop.stop()
      clearTimeout(expiry)
      guard(null)
      const last = boot
      boot = undefined
      liveUntilMs = 0
      if (!last) return
      last.end()
      const goodbye = platform
        .sayGoodbye(last.id)
        .catch((error: unknown) => log.warn('the goodbye was not heard, the lease will run out', { error }))
      await Promise.race([goodbye, delay(goodbyeDeadlineMs, undefined, { ref: false })])
    },
    async liveBoot({ waitMs, signal }) {
      if (!isLive() && waitMs > 0 && !signal.aborted) await untilLive(waitMs, signal)
      return (!signal.aborted && isLive() && boot) || null
    },
    isLive: (candidate) => candidate === boot && isLive(),
    hasLapsed: (candidate) => candidate !== boot || !isLive() || machineMsOfTurn() >= liveUntilMachineMs,
    isHeld: isLive,
    lookNow: () => loop.nudge(),
  }
}
