/*
 * What a process of Noodle takes, idle and under load, and what a job leaves in the stores: `npm run sizing` in this folder, `npm run sizing -- --short` for a first look.
 *   --report FILE   the page docs/sizing.md, with the conditions of the run
 * Generator, stores and processes share the machine: what it did besides is told by its load average.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, totalmem } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { cpuSeconds } from './child.ts'
import { makeNoodle } from './contenders/noodle.ts'
import { load } from './load.ts'
import { startStores, type Stores } from './stores.ts'

const { values } = parseArgs({
  options: { short: { type: 'boolean', default: false }, report: { type: 'string' } },
})
const sizes = values.short
  ? { idleSeconds: 5, warmUp: 1000, jobs: 5000, backlog: 20_000 }
  : { idleSeconds: 30, warmUp: 10_000, jobs: 60_000, backlog: 200_000 }
const connections = 50

/** Of a process, with its children. */
interface Use {
  idleMiB: number
  idleCpuPercent: number
  loadedMiB: number
  cpuMsPerJob: number
}

interface Sizing {
  processes: Record<string, Use>
  jobsPerSecond: number
  postgresBytesPerEndedJob: number
  postgresBytesPerWaitingJob: number
  redisBytesIdle: number
  redisBytesBehindBacklog: number
}

const loadBefore = loadavg()[0] ?? NaN
const stores = await startStores()
try {
  const page = toPage(await measure(stores), stores.versions)
  if (values.report) writeFileSync(values.report, page)
  console.log(page)
} finally {
  await stores.stop()
}

async function measure(stores: Stores): Promise<Sizing> {
  const noodle = makeNoodle('Noodle', stores)
  if (!noodle.startGateway) throw new Error('Noodle has a gateway.')
  await noodle.reset()
  const emptyBytes = await stores.databaseBytes('bench')
  const gateway = await noodle.startGateway()
  const workers = await noodle.startWorkers()
  const pids: Record<string, number> = { ...gateway.pids, ...workers.pids, ...stores.pids }
  const each = <T>(look: (pid: number) => T): Record<string, T> =>
    Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, look(pid)]))
  try {
    await load(gateway.request, { connections: 1, count: 10 }) // every part has done its work once
    await sleep(2000)
    const idleCpu = each(cpuSeconds)
    await sleep(sizes.idleSeconds * 1000)
    const idle = each((pid) => ({ MiB: residentMiB(pid), cpu: cpuSeconds(pid) }))
    const redisBytesIdle = await stores.redisBytes()

    await load(gateway.request, { connections, count: sizes.warmUp })
    const loadedMiB: Record<string, number> = {}
    const watch = setInterval(() => {
      for (const [name, MiB] of Object.entries(each(residentMiB)))
        loadedMiB[name] = Math.max(MiB, loadedMiB[name] ?? 0)
    }, 250)
    const cpuBefore = each(cpuSeconds)
    const startedMs = performance.now()
    await load(gateway.request, { connections, count: sizes.jobs })
    while ((await workers.finished()) < 10 + sizes.warmUp + sizes.jobs) await sleep(50)
    const seconds = (performance.now() - startedMs) / 1000
    const cpuAfter = each(cpuSeconds)
    clearInterval(watch)

    const endedBytes = await stores.databaseBytes('bench')
    await workers.stop()
    await noodle.fill(sizes.backlog)
    const background = await noodle.startBackground?.()
    await sleep(3000) // the window is filled
    const redisBytesBehindBacklog = await stores.redisBytes()
    const filledBytes = await stores.databaseBytes('bench')
    await background?.stop()
    const useOf = (name: string): Use => ({
      idleMiB: idle[name]?.MiB ?? NaN,
      idleCpuPercent: (((idle[name]?.cpu ?? NaN) - (idleCpu[name] ?? NaN)) / sizes.idleSeconds) * 100,
      loadedMiB: loadedMiB[name] ?? NaN,
      cpuMsPerJob: (((cpuAfter[name] ?? NaN) - (cpuBefore[name] ?? NaN)) / sizes.jobs) * 1000,
    })
    return {
      processes: Object.fromEntries(Object.keys(pids).map((name) => [name, useOf(name)])),
      jobsPerSecond: sizes.jobs / seconds,
      postgresBytesPerEndedJob: (endedBytes - emptyBytes) / (10 + sizes.warmUp + sizes.jobs),
      postgresBytesPerWaitingJob: (filledBytes - endedBytes) / sizes.backlog,
      redisBytesIdle,
      redisBytesBehindBacklog,
    }
  } finally {
    await workers.stop()
    await gateway.stop()
  }
}

/** Memory that a process and its children hold, in MiB; what they share counts once for each (proc(5), VmRSS). */
function residentMiB(pid: number): number {
  const children = readFileSync(`/proc/${String(pid)}/task/${String(pid)}/children`, 'utf8').trim()
  const all = [pid, ...(children === '' ? [] : children.split(' ').map(Number))]
  return all.reduce((sum, one) => {
    try {
      return (
        sum +
        Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${String(one)}/status`, 'utf8'))?.[1] ?? 0) / 1024
      )
    } catch {
      return sum // it has ended since
    }
  }, 0)
}

function toPage(sizing: Sizing, versions: string): string {
  const rows = Object.entries(sizing.processes).map(
    ([name, use]) =>
      `| ${name} | ${round(use.idleMiB)} | ${use.idleCpuPercent.toFixed(1)} | ${round(use.loadedMiB)} | ${use.cpuMsPerJob.toFixed(3)} | ${round(1000 / use.cpuMsPerJob)} |`,
  )
  const [cpu] = cpus()
  return `# Sizing

<!-- Made by npm run sizing -- --report, in bench/. -->

What a process takes, and what a job leaves behind: jobs that do nothing, with a payload of about 200 bytes, each submitted by a request of its own. What your jobs
themselves need comes on top, and is most of it as a rule ([limits.md](limits.md)).

${String(cpus().length)} cores (${cpu?.model ?? 'unknown'}), ${round(totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}, ${versions}; ${String(sizes.jobs)} jobs at ${round(sizing.jobsPerSecond)} a second, over ${String(connections)} connections. Load average before: ${loadBefore.toFixed(1)}.${
    loadBefore > 0.5
      ? '\n**The machine did other work at the same time**: memory holds, CPU a job is too high ([benchmark.md](benchmark.md) has it from an idle one), jobs a second too low. Take it again on an idle one.'
      : ''
  }

| process | idle, MiB | idle, % of a core | under load, MiB | CPU a job, ms | jobs a second and core |
|---|---:|---:|---:|---:|---:|
${rows.join('\n')}

Worker and Postgres are told with their children (of a worker its keeper, of Postgres its connections; memory that they share is counted more than once).

| store | bytes |
|---|---:|
| Postgres, an ended job with its events, until \`RETENTION_DAYS\` | ${round(sizing.postgresBytesPerEndedJob)} |
| Postgres, a waiting job | ${round(sizing.postgresBytesPerWaitingJob)} |
| queue Redis, idle | ${round(sizing.redisBytesIdle)} |
| queue Redis, ${round(sizes.backlog)} jobs waiting behind a window of 10,000 | ${round(sizing.redisBytesBehindBacklog)} |

So for *n* jobs a second: cores = *n* ÷ the last column, for each kind of process, and half as many again for peaks; disk of Postgres = *n* × 86,400 × \`RETENTION_DAYS\` × the bytes of an
ended job, twice that with its indexes' slack and WAL; Redis as much whatever the backlog. Two gateways and two ops processes are enough for availability; workers follow from what jobs need.
`
}

function round(value: number): string {
  return Math.round(value).toLocaleString('en')
}
