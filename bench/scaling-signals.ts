/*
 * What autoscaling costs the leader and Postgres: a look at what is asked of all tiers, every 2.5 s, behind backlogs of up to a million jobs; and a decision
 * about a tier with a thousand tasks. `npm run scaling-signals` in this folder, `npm run scaling-signals -- --short` for a first look.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { makeLogger } from '../core/logger.ts'
import { makeHistory, learn } from '../queue/domain/scaling/history.ts'
import { decide } from '../queue/domain/scaling/decide.ts'
import { decisionSeconds, defaultPolicy } from '../queue/domain/scaling/policy.ts'
import type { TierSignals } from '../queue/domain/scaling/signals.ts'
import { readDemand } from '../queue/store/jobs/read-demand.ts'
import { migrate } from '../queue/store/migrate.ts'
import { openPostgres } from '../queue/store/postgres.ts'
import { cpuSeconds } from './child.ts'
import { fillNoodle } from './contenders/noodle.ts'
import { quantile } from './load.ts'
import { startStores } from './stores.ts'

const { values } = parseArgs({ options: { short: { type: 'boolean', default: false } } })
const backlogs = values.short ? [0, 10_000, 50_000] : [0, 10_000, 100_000, 1_000_000]
const looks = values.short ? 50 : 200
/** What lies between two looks of the leader. */
const everySeconds = decisionSeconds
const tiers = ['small', 'medium', 'heavy']

const stores = await startStores()
try {
  console.log('| jobs waiting | a look, p50 ms | p99 ms | of a core, % |\n|---:|---:|---:|---:|')
  for (const backlog of backlogs) {
    const { p50Ms, p99Ms, cpuSeconds: cpu } = await measureLooks(backlog)
    const share = ((cpu / everySeconds) * 100).toFixed(2)
    console.log(`| ${backlog.toLocaleString('en')} | ${p50Ms.toFixed(1)} | ${p99Ms.toFixed(1)} | ${share} |`)
  }
} finally {
  await stores.stop()
}
const decisionMs = measureDecisions(1000)
console.log(
  `\nA decision about 1,000 tasks, with all that is learnt for it: p50 ${decisionMs.toFixed(2)} ms.`,
)

async function measureLooks(backlog: number): Promise<{ p50Ms: number; p99Ms: number; cpuSeconds: number }> {
  const databaseUrl = await stores.makeDatabase('bench')
  await migrate(databaseUrl)
  await fillNoodle(databaseUrl, backlog)
  await sleep(everySeconds * 1000) // they wait, and have not just arrived
  const log = makeLogger({ level: () => 'error', format: 'json', fields: {} })
  const postgres = openPostgres({ databaseUrl, poolSize: 1, statementTimeoutMs: 30_000, name: 'bench', log })
  const times = new Float64Array(looks)
  const look = (): Promise<unknown> => readDemand(postgres, tiers, new Date(Date.now() - everySeconds * 1000))
  for (let n = 0; n < 20; n++) await look()
  const cpu = (): number => cpuSeconds(stores.pids.postgres) + process.cpuUsage().user / 1e6
  const before = cpu()
  for (let n = 0; n < looks; n++) {
    const startedMs = performance.now()
    await look()
    times[n] = performance.now() - startedMs
  }
  const used = (cpu() - before) / looks
  await postgres.close()
  times.sort()
  return { p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99), cpuSeconds: used }
}

function measureDecisions(tasks: number): number {
  const history = makeHistory(defaultPolicy)
  const times = Float64Array.from({ length: 501 }, (_, n) => {
    const signals = signalsOf(tasks, n * everySeconds * 1000)
    const startedMs = performance.now()
    learn(history, signals, defaultPolicy)
    decide(signals, defaultPolicy, history)
    return performance.now() - startedMs
  })
  times.sort()
  return quantile(times, 0.5)
}

function signalsOf(tasks: number, nowMs: number): TierSignals {
  return {
    ...{ tier: 'small', nowMs, usage: null },
    demand: {
      tasks: Array.from({ length: tasks }, (_, n) => ({
        ...{
          task: `task-${String(n)}`,
          waiting: n % 7,
          oldestWaitSeconds: 3,
          running: n % 3,
          leaving: 0,
          slots: 1,
        },
        ...{ remainingSeconds: 1, usualRemainingSeconds: 1, serviceSeconds: 2, expiring: [], due: [] },
      })),
      arrivals: { jobs: tasks, slots: tasks, slotSeconds: 2 * tasks },
      starts: { jobs: tasks, late: 3 },
    },
    fleet: { slotsPerNode: 10, ready: 4, startingSeconds: [], draining: 0, coldStartSeconds: 30 },
  }
}
