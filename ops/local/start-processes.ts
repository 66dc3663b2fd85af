import { join } from 'node:path'
import { readConfig } from '../../core/config.ts'
import { checkout } from './home.ts'
import type { Kept, Running } from './keep-running.ts'
import { localScalingPolicies } from './local-scaling.ts'
import { startNodeProcess } from './node-process.ts'
import { keep, stop, unlessSet, type Start } from './start.ts'
import { workerEnvironment } from './worker-environment.ts'

/** Beyond what a process allows itself (core/lifecycle.ts). */
const stopMarginMs = 17_000

/** Starts gateway, ops and a worker for each tier, all at once; they are stopped in order: the gateway takes no more jobs, ops hands out no more, workers end what runs. */
export async function startProcesses(start: Start, env: Record<string, string>): Promise<void> {
  const { TIERS, DRAIN_DEADLINE_MS, SHUTDOWN_DELAY_MS } = readConfig([
    'TIERS',
    'DRAIN_DEADLINE_MS',
    'SHUTDOWN_DELAY_MS',
  ])
  const keepProcess = (
    name: string,
    main: string,
    allowedMs: number,
    more: Record<string, string> = {},
  ): Promise<Kept<Running>> =>
    keep(start, name, (signal) =>
      startNodeProcess(
        {
          main: join(checkout, main),
          env: { ...env, ...more },
          logFile: join(start.home, 'logs', `${name}.log`),
          stopDeadlineMs: allowedMs + stopMarginMs,
          killSignal: start.killSignal,
        },
        signal,
      ),
    )
  const workers = TIERS.map((tier) =>
    keepProcess(`worker-${tier.name}`, 'workers/main.ts', DRAIN_DEADLINE_MS, workerEnvironment(tier)),
  )
  const ops = keepProcess('ops', 'ops/main.ts', DRAIN_DEADLINE_MS, {
    ...unlessSet('SCALING_DRIVER', 'process'),
    ...unlessSet('SCALING_POLICIES', JSON.stringify(localScalingPolicies)),
  })
  const gateway = keepProcess('gateway', 'api/main.ts', SHUTDOWN_DELAY_MS)
  start.undo.push(
    () => Promise.all(workers.map(stop)),
    () => stop(ops),
    () => stop(gateway),
  )
  await Promise.all([gateway, ops, ...workers])
}
