import { setTimeout as sleep } from 'node:timers/promises'
import { cpuSeconds } from './child.ts'
import type { Contender, Gateway, Running, Workers } from './contender.ts'
import { loadGrpc } from './grpc-load.ts'
import { load, quantile } from './load.ts'
import type { Stores } from './stores.ts'

/** Figures of one measurement by their names; units are in the names. */
export type Figures = Record<string, number>

export interface Sizes {
  warmUp: number
  submit: number
  batch: number
  drain: number
  through: number
  latency: number
}

const connections = 50
const grpcConnections = 4
const jobsPerBatch = 1000

/** Submissions of one job each, with nothing that runs them. */
export async function measureSubmit(contender: Contender, stores: Stores, sizes: Sizes): Promise<Figures> {
  if (!contender.startGateway) return {}
  await contender.reset()
  return using(await contender.startGateway(), async (gateway) => {
    await load(gateway.request, { connections, count: sizes.warmUp })
    const cpu = watchCpu(stores, gateway)
    const { rate, p50Ms, p99Ms, failures } = await load(gateway.request, { connections, count: sizes.submit })
    if (failures > 0) throw new Error(`${contender.name} refused ${String(failures)} submissions.`)
    return {
      submitPerSecond: rate,
      submitP50Ms: p50Ms,
      submitP99Ms: p99Ms,
      ...perJob(cpu(), sizes.submit),
    }
  })
}

/** Submissions of a thousand jobs each. */
export async function measureBatch(contender: Contender, stores: Stores, sizes: Sizes): Promise<Figures> {
  if (!contender.startGateway) return {}
  await contender.reset()
  return using(await contender.startGateway(), async (gateway: Gateway) => {
    if (!gateway.batch) return {}
    const request = gateway.batch(jobsPerBatch)
    await load(request, { connections: 4, count: Math.ceil(sizes.warmUp / jobsPerBatch) })
    const cpu = watchCpu(stores, gateway)
    const { rate, failures } = await load(request, { connections: 4, count: sizes.batch / jobsPerBatch })
    if (failures > 0) throw new Error(`${contender.name} refused ${String(failures)} batches.`)
    return { batchJobsPerSecond: rate * jobsPerBatch, ...perJob(cpu(), sizes.batch) }
  })
}

/** Submissions of one job each over gRPC, as many at once as over HTTP, over a few connections. */
export async function measureGrpc(contender: Contender, stores: Stores, sizes: Sizes): Promise<Figures> {
  if (!contender.startGateway) return {}
  await contender.reset()
  return using(await contender.startGateway(), async (gateway) => {
    if (!gateway.grpc) return {}
    const { submit } = gateway.grpc
    const over = { connections: grpcConnections, inFlight: connections }
    await loadGrpc(submit, { ...over, count: sizes.warmUp })
    const cpu = watchCpu(stores, gateway)
    const { rate, p50Ms, p99Ms, failures } = await loadGrpc(submit, { ...over, count: sizes.submit })
    if (failures > 0) throw new Error(`${contender.name} refused ${String(failures)} submissions.`)
    return {
      grpcSubmitPerSecond: rate,
      grpcSubmitP50Ms: p50Ms,
      grpcSubmitP99Ms: p99Ms,
      ...perJob(cpu(), sizes.submit),
    }
  })
}

/** Jobs over streams of gRPC, a thousand in a message as in a batch, and one in a message. */
export async function measureStream(contender: Contender, stores: Stores, sizes: Sizes): Promise<Figures> {
  if (!contender.startGateway) return {}
  await contender.reset()
  return using(await contender.startGateway(), async (gateway) => {
    if (!gateway.grpc) return {}
    const { submitStream } = gateway.grpc
    const streams = 4
    await submitStream({ streams, messages: Math.ceil(sizes.warmUp / jobsPerBatch), count: jobsPerBatch })
    const cpu = watchCpu(stores, gateway)
    const many = await submitStream({ streams, messages: sizes.batch / jobsPerBatch, count: jobsPerBatch })
    const used = cpu()
    const cpuOfSingles = watchCpu(stores, gateway)
    const single = await submitStream({ streams, messages: sizes.submit, count: 1 })
    return {
      streamJobsPerSecond: many,
      ...perJob(used, sizes.batch),
      streamOfSinglesPerSecond: single,
      ...perJob(cpuOfSingles(), sizes.submit, 'ofSingles_'),
    }
  })
}

/** How fast a backlog of no-op jobs is worked off, from a tenth of it to nine tenths: starts and ends of processes do not count. */
export async function measureDrain(contender: Contender, stores: Stores, sizes: Sizes): Promise<Figures> {
  if (!contender.fill || !contender.startWorkers) return {}
  await contender.reset()
  await contender.fill(sizes.drain)
  return using(await contender.startWorkers(), async (workers) => {
    await untilFinished(workers, sizes.drain / 10)
    const cpu = watchCpu(stores, workers)
    const [fromCount, fromMs] = [await workers.finished(), performance.now()]
    await untilFinished(workers, sizes.drain * 0.9)
    const [toCount, toMs] = [await workers.finished(), performance.now()]
    const used = cpu()
    await untilFinished(workers, sizes.drain)
    return {
      drainPerSecond: ((toCount - fromCount) / (toMs - fromMs)) * 1000,
      ...perJob(used, toCount - fromCount),
    }
  })
}

/** Submitted by 50 connections and run at once: from the first submission until all have finished. */
export async function measureThrough(contender: Contender, stores: Stores, sizes: Sizes): Promise<Figures> {
  const { startGateway, startWorkers } = contender
  if (!startGateway || !startWorkers) return {}
  await contender.reset()
  return using(await startGateway(), async (gateway) =>
    using(await startWorkers(), async (workers) => {
      await load(gateway.request, { connections, count: sizes.warmUp })
      await untilFinished(workers, sizes.warmUp)
      const cpu = watchCpu(stores, { ...gateway, pids: { ...gateway.pids, ...workers.pids } })
      const startedMs = performance.now()
      const { rate } = await load(gateway.request, { connections, count: sizes.through })
      await untilFinished(workers, sizes.warmUp + sizes.through)
      return {
        throughPerSecond: (sizes.through / (performance.now() - startedMs)) * 1000,
        throughSubmitPerSecond: rate,
        ...perJob(cpu(), sizes.through),
      }
    }),
  )
}

/** From the answer to a submission to the start of its handler, one job at a time in an idle system. */
export async function measureLatency(contender: Contender, sizes: Sizes): Promise<Figures> {
  const waits = await pickUps(contender, sizes, 0)
  return waits ? { pickUpP50Ms: quantile(waits, 0.5), pickUpP99Ms: quantile(waits, 0.99) } : {}
}

/** A fifth, about, of what naive durable gets through on two cores. */
const loadPerSecond = 400

/** The same while other jobs come at a constant rate, whatever becomes of them (an open loop). */
export async function measureLoadedLatency(contender: Contender, sizes: Sizes): Promise<Figures> {
  const waits = await pickUps(contender, sizes, loadPerSecond)
  return waits ? { loadedPickUpP50Ms: quantile(waits, 0.5), loadedPickUpP99Ms: quantile(waits, 0.99) } : {}
}

async function pickUps(
  contender: Contender,
  sizes: Sizes,
  othersPerSecond: number,
): Promise<number[] | undefined> {
  const { startWorkers } = contender
  if (!startWorkers) return undefined
  await contender.reset()
  const answeredAt = new Map<string, number>()
  const startedAt = new Map<string, number>()
  const isStarted = (): boolean => [...answeredAt.keys()].every((id) => startedAt.has(id))
  const submitAndRun = async (submit: () => Promise<string>): Promise<number[]> => {
    const workers = await startWorkers((id, atMs) => startedAt.set(id, atMs))
    const others = new Set<Promise<unknown>>()
    const submitOther = (): void => {
      const other = submit().finally(() => others.delete(other))
      others.add(other)
    }
    const timer = othersPerSecond > 0 ? setInterval(submitOther, 1000 / othersPerSecond) : undefined
    try {
      for (let i = 0; i < sizes.latency; i++) {
        await sleep(20 + Math.random() * 20)
        const id = await submit()
        answeredAt.set(id, performance.timeOrigin + performance.now())
      }
      clearInterval(timer)
      await Promise.all(others)
      while (!isStarted()) await sleep(20)
    } finally {
      clearInterval(timer)
      await workers.stop()
    }
    return [...answeredAt]
      .map(([id, atMs]) => Math.max(0, (startedAt.get(id) ?? NaN) - atMs))
      .slice(sizes.latency / 5) // the first ones warm it up
      .sort((a, b) => a - b)
  }
  if (contender.addOne) return submitAndRun(contender.addOne)
  const gateway = await contender.startGateway?.()
  if (!gateway) return undefined
  try {
    return await submitAndRun(async () => {
      const { url, ...rest } = gateway.request
      const response = await fetch(url, { method: 'POST', ...rest })
      return ((await response.json()) as { id: string }).id
    })
  } finally {
    await gateway.stop()
  }
}

/** What waiting jobs cost: memory and disk for each, and the speed of submissions and of the drain beside them. */
export async function measureBacklog(
  contender: Contender,
  stores: Stores,
  sizes: Sizes,
  backlog: number,
): Promise<Figures> {
  if (!contender.fill || !contender.startWorkers) return {}
  await contender.reset()
  const empty = { redis: await stores.redisBytes(), database: await stores.databaseBytes('bench') }
  await contender.fill(backlog)
  const background = await contender.startBackground?.()
  await sleep(3000) // the window fills
  const name = `at${backlog.toLocaleString('en')}`
  const figures: Figures = {
    [`${name}_redisMiB`]: ((await stores.redisBytes()) - empty.redis) / 1_048_576,
    [`${name}_postgresBytesPerJob`]: ((await stores.databaseBytes('bench')) - empty.database) / backlog,
  }
  if (contender.startGateway) {
    const submitted = await using(await contender.startGateway(), async ({ request }) => {
      await load(request, { connections, count: sizes.warmUp })
      return { [`${name}_submitPerSecond`]: (await load(request, { connections, count: sizes.submit })).rate }
    })
    Object.assign(figures, submitted)
  }
  await background?.stop()
  const drained = await using(await contender.startWorkers(), async (workers) => {
    const worked = Math.min(sizes.drain, backlog)
    const [from, to] = [worked / 10, worked * 0.9]
    await untilFinished(workers, from)
    const [fromCount, fromMs] = [await workers.finished(), performance.now()]
    await untilFinished(workers, to)
    return {
      [`${name}_drainPerSecond`]:
        (((await workers.finished()) - fromCount) / (performance.now() - fromMs)) * 1000,
    }
  })
  return { ...figures, ...drained }
}

async function using<T extends Running>(
  running: T,
  work: (running: T) => Promise<Figures>,
): Promise<Figures> {
  try {
    return await work(running)
  } finally {
    await running.stop()
  }
}

const stallMs = 60_000
/** A worker's count is read from its metrics, which costs it some milliseconds. */
const pollMs = 100

async function untilFinished(workers: Workers, count: number): Promise<void> {
  let [last, changedAt] = [-1, performance.now()]
  for (;;) {
    const finished = await workers.finished()
    if (finished >= count) return
    if (finished !== last) [last, changedAt] = [finished, performance.now()]
    if (performance.now() - changedAt > stallMs)
      throw new Error(`Only ${String(finished)} of ${String(count)} jobs have finished, and no more do.`)
    await sleep(pollMs)
  }
}

/** @returns the CPU seconds since then, by process; `generator` is this one, which shares the machine with what it measures */
function watchCpu(stores: Stores, running: Running): () => Figures {
  const pids = { ...running.pids, ...stores.pids, generator: process.pid }
  const before = Object.entries(pids).map(([name, pid]) => [name, pid, ownSeconds(pid)] as const)
  return () => Object.fromEntries(before.map(([name, pid, seconds]) => [name, ownSeconds(pid) - seconds]))
}

/** The generator is the parent of all the others. */
const ownSeconds = (pid: number): number =>
  pid === process.pid
    ? process.resourceUsage().userCPUTime / 1e6 + process.resourceUsage().systemCPUTime / 1e6
    : cpuSeconds(pid)

const perJob = (seconds: Figures, jobs: number, prefix = ''): Figures =>
  Object.fromEntries(
    Object.entries(seconds).map(([name, value]) => [`${prefix}cpuMsPerJob_${name}`, (value / jobs) * 1000]),
  )
