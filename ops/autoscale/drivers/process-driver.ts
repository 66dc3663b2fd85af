import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Logger } from '../../../core/logger.ts'
import type { Tier } from '../../../queue/domain/tiers.ts'
import type { Running } from '../../local/keep-running.ts'
import { startNodeProcess } from '../../local/node-process.ts'
import { workerEnvironment } from '../../local/worker-environment.ts'
import type { DrivenNode, NodeDriver } from './node-driver.ts'

export interface ProcessDriverOptions {
  tiers: readonly Tier[]
  /** The worker's main.ts. */
  main: string
  /** Gets the logs, a file a tier. */
  logFolder: string
  /** Options of these workers, over what this process has and what the tier asks for. */
  env: Readonly<Record<string, string>>
  /** How long a worker may take to end in order. */
  stopDeadlineMs: number
  log: Logger
}

/** Nodes are worker processes of this machine, children of this process: they stop in order when it ends, however it ends. */
export function makeProcessDriver(options: ProcessDriverOptions): NodeDriver {
  const { tiers, main, logFolder, env, stopDeadlineMs, log } = options
  const host = hostname()
    .replace(/[^A-Za-z0-9._-]/g, '-')
    .slice(0, 30)
  const nodes = new Map<string, { node: DrivenNode; ended: Promise<void>; stop: () => void }>()
  /** Why the last process of a tier did not come up. */
  const failures = new Map<string, unknown>()

  function begin(tier: Tier): void {
    const id = `${host}-${tier.name}-${randomBytes(3).toString('hex')}`
    const unwanted = new AbortController()
    const starting = startNodeProcess(
      {
        main,
        env: { ...workerEnvironment(tier), METRICS_PORT: '0', ...env, NODE_ID: id },
        logFile: join(logFolder, `worker-${tier.name}.log`),
        stopDeadlineMs,
        killSignal: new AbortController().signal,
      },
      unwanted.signal,
    )
    const node: DrivenNode = { id, tier: tier.name, isStopping: false }
    nodes.set(id, { node, ended: watch(node, starting), stop: () => unwanted.abort() })
    // Once it works its own way to stop counts; until then an abort ends it as well.
    void starting.then(
      (running) => unwanted.signal.addEventListener('abort', () => void running.stop(), { once: true }),
      () => undefined,
    )
  }

  async function watch(node: DrivenNode, starting: Promise<Running>): Promise<void> {
    const { id: nodeId, tier } = node
    try {
      const how = await (await starting).ended
      if (!node.isStopping) log.warn('a worker process ended by itself', { nodeId, tier, how })
    } catch (error) {
      if (!node.isStopping) {
        log.warn('a worker process did not start', { nodeId, tier, error })
        failures.set(tier, error)
      }
    }
    nodes.delete(nodeId)
  }

  async function stop(id: string): Promise<void> {
    const known = nodes.get(id)
    if (!known) return
    known.node.isStopping = true
    known.stop()
    await known.ended
  }

  return {
    name: 'process',
    callsAtOnce: 4,
    list: (tier) =>
      Promise.resolve(
        [...nodes.values()].filter(({ node }) => node.tier === tier).map(({ node }) => ({ ...node })),
      ),
    start(name) {
      const tier = tiers.find((candidate) => candidate.name === name)
      if (!tier) return Promise.reject(new Error(`There is no tier ${name}.`))
      const cause = failures.get(name)
      // Told once, as the failure of this start: else a tier whose workers can't come up would have one started after another.
      if (failures.delete(name))
        return Promise.reject(new Error(`The last worker of tier ${name} did not come up.`, { cause }))
      begin(tier)
      return Promise.resolve()
    },
    drain: () => Promise.resolve(),
    recall: () => Promise.resolve(),
    stop({ id }) {
      void stop(id)
      return Promise.resolve()
    },
    async close() {
      await Promise.all([...nodes.keys()].map((id) => stop(id)))
    },
  }
}
