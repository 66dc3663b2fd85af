import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { openOrExit, orExit } from '../core/config.ts'
import { type Component, runProcess } from '../core/lifecycle.ts'
import { openConfig } from '../core/live-config.ts'
import { makeLogger } from '../core/logger.ts'
import { makeMetrics } from '../core/metrics.ts'
import { makeMetricsEndpoint } from '../core/metrics-endpoint.ts'
import { openQueue, queueOptions } from '../queue/open-queue.ts'
import { migrateWhenUp } from '../queue/store/migrate.ts'
import { makeConfigKeeper } from '../queue/use-cases/config-keeper.ts'
import { makeLiveScalingPolicies } from '../queue/use-cases/scaling-policies.ts'
import { makeAutoscaler } from './autoscale/autoscaler.ts'
import { closeDeadlineMs, driverOptions, openDriver } from './autoscale/open-driver.ts'
import { makePatient } from './autoscale/patient-driver.ts'
import { makeLeader } from './leader.ts'
import { makeBlobSweeper } from './roles/blob-sweeper.ts'
import { makeCanary } from './roles/canary.ts'
import { makeDispatcher } from './roles/dispatcher.ts'
import { makeLedgerKeeper } from './roles/ledger-keeper.ts'
import { makeLogRescuer } from './roles/log-rescuer.ts'
import { makeOrphanRemover } from './roles/orphan-remover.ts'
import { makePruner } from './roles/pruner.ts'
import { makeReaper } from './roles/reaper.ts'
import { makeReconciler } from './roles/reconciler.ts'
import { makeRedisWatcher } from './roles/redis-watcher.ts'
import { makeStoreChecker } from './roles/store-checker.ts'
import { makeSurveyor } from './roles/surveyor.ts'
import { makeSweeper } from './roles/sweeper.ts'
import { makeTaskWatcher } from './roles/task-watcher.ts'
import { makeTierCounter } from './roles/tier-counter.ts'

const liveConfig = orExit(() =>
  openConfig(
    [
      ...queueOptions,
      ...driverOptions,
      'SCALING_POLICIES',
      'SCALING_START_SECONDS',
      'CONCURRENCY',
      'LOG_LEVEL',
      'LOG_FORMAT',
      'METRICS_PORT',
      'METRICS_HOST',
      'METRICS_NETWORKS',
    ],
    { check: makeLiveScalingPolicies },
  ),
)
const config = liveConfig.values
const policies = makeLiveScalingPolicies(config)
const log = makeLogger({
  level: () => config.LOG_LEVEL,
  format: config.LOG_FORMAT,
  fields: { process: 'ops' },
})
const metrics = makeMetrics()

await migrateWhenUp(config.DATABASE_URL, log)
// Of its own, so that a successor in the lead can end this process' sessions and no other's.
const name = `ops ${randomBytes(4).toString('hex')}`
const queue = await openQueue(config, { name, log, metrics })
const stores: Component = { name: 'stores', start: () => Promise.resolve(), stop: () => queue.close() }
const configKeeper = makeConfigKeeper(queue.deps, {
  config: liveConfig,
  process: 'ops',
  instance: `${hostname()}:${String(process.pid)}`,
})

const leader = makeLeader(queue.deps, `noodle ${name}`)
/** A call to a driver that takes longer is given up. */
const driverCallMs = 15_000
const driver = await openOrExit(() => openDriver(config, log))
const autoscaler =
  config.SCALING_DRIVER === 'none'
    ? []
    : [
        makeAutoscaler(queue.deps, {
          leader,
          driver: driver && makePatient(driver, driverCallMs),
          policyOf: policies.of,
          usual: { slots: config.CONCURRENCY, coldStartSeconds: 30 },
          startDeadlineMs: config.SCALING_START_SECONDS * 1000,
        }),
      ]

// Several ops processes may run: most roles take rows that no other holds, so that they need no leader.
await runProcess({
  log,
  components: [
    stores,
    configKeeper,
    makeMetricsEndpoint({
      port: config.METRICS_PORT,
      host: config.METRICS_HOST,
      networks: config.METRICS_NETWORKS,
      metrics,
      log,
    }),
    leader,
    makeDispatcher(queue.deps),
    makeReconciler(queue.deps),
    makeRedisWatcher(queue.deps),
    makeStoreChecker(queue.deps),
    makeOrphanRemover(queue.deps),
    makeReaper(queue.deps),
    makeSurveyor(queue.deps),
    makeSweeper(queue.deps),
    makePruner(queue.deps),
    makeBlobSweeper(queue.deps),
    makeTierCounter(queue.deps),
    makeTaskWatcher(queue.deps),
    makeLedgerKeeper(queue.deps),
    makeLogRescuer(queue.deps),
    makeCanary(queue.deps),
    ...autoscaler,
  ],
  stopDeadlineMs: 14_000 + closeDeadlineMs(config),
  reload: () => configKeeper.reload(),
})
