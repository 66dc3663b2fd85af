/*
 * Side by side, in one run, on one Redis and one Postgres: `npm run bench` in this folder (npm ci first), `npm run bench:short` for a first look.
 *   --only submit,grpc,batch,stream,drain,through,latency,loaded   some measures
 *   --who noodle,naive-durable,…        some contenders; noodle,noodle-remote with --only drain compares workers beside the stores with remote ones
 *   --rounds N                          default 5; contenders take turns, figures are medians
 *   --only backlog --backlogs 10000,1000000   what waiting jobs cost; --rounds 1 will do
 *   --json FILE                         all figures of all rounds
 *   --report FILE                       a page of Markdown with ratios and medians
 */
import { writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { makeBareBullmq } from './contenders/bare-bullmq.ts'
import { makeExpressAlone } from './contenders/express-alone.ts'
import { makeNaive } from './contenders/naive.ts'
import { makeNoodle } from './contenders/noodle.ts'
import type { Contender } from './contender.ts'
import {
  type Figures,
  measureBacklog,
  measureBatch,
  measureDrain,
  measureGrpc,
  measureLatency,
  measureLoadedLatency,
  measureStream,
  measureSubmit,
  measureThrough,
  type Sizes,
} from './measures.ts'
import { page, report } from './report.ts'
import { startStores, type Stores } from './stores.ts'

const { values } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    only: { type: 'string', default: 'submit,grpc,batch,stream,drain,through,latency,loaded' },
    who: { type: 'string' },
    rounds: { type: 'string' },
    backlogs: { type: 'string', default: '10000,100000' },
    json: { type: 'string' },
    report: { type: 'string' },
  },
})
const rounds = Number(values.rounds ?? (values.short ? 1 : 5))
const sizes: Sizes = values.short
  ? { warmUp: 1500, submit: 6000, batch: 20_000, drain: 15_000, through: 6000, latency: 50 }
  : // Of 40,000 drained jobs each takes a third more of a worker's CPU than of 120,000: V8 has not compiled all of it yet.
    { warmUp: 20_000, submit: 40_000, batch: 100_000, drain: 120_000, through: 15_000, latency: 200 }

const sizesFor = ({ share = 1 }: Contender): Sizes => ({
  ...sizes,
  warmUp: sizes.warmUp * share,
  submit: sizes.submit * share,
  drain: sizes.drain * share,
  through: sizes.through * share,
})

const backlogs = values.backlogs.split(',').map(Number)

const makers: Record<string, (stores: Stores) => Contender> = {
  noodle: (stores) => makeNoodle('Noodle', stores),
  'noodle-alone': (stores) => makeNoodle('one job a delivery', stores, { isAlone: true }),
  'noodle-remote': (stores) => makeNoodle('Noodle, remote worker', stores, { isRemote: true }),
  'naive-durable': (stores) => makeNaive('durable', 'naive durable', stores),
  naive: (stores) => makeNaive('redis', 'naive', stores),
  'bare-bullmq': makeBareBullmq,
  'express-alone': makeExpressAlone,
  'pg-boss': (stores) => makeNaive('pg-boss', 'pg-boss', stores),
  'graphile-worker': (stores) => makeNaive('graphile-worker', 'graphile-worker', stores),
}

const stores = await startStores()
const measures: Record<string, (contender: Contender) => Promise<Figures>> = {
  submit: (contender) => measureSubmit(contender, stores, sizesFor(contender)),
  batch: (contender) => measureBatch(contender, stores, sizes),
  grpc: (contender) => measureGrpc(contender, stores, sizes),
  stream: (contender) => measureStream(contender, stores, sizes),
  drain: (contender) => measureDrain(contender, stores, sizesFor(contender)),
  through: (contender) => measureThrough(contender, stores, sizesFor(contender)),
  latency: (contender) => measureLatency(contender, sizes),
  loaded: (contender) => measureLoadedLatency(contender, sizes),
  backlog: async (contender) => {
    const found: Figures = {}
    for (const size of backlogs) Object.assign(found, await measureBacklog(contender, stores, sizes, size))
    return found
  },
}

const figures = new Map<string, Record<string, Figures[]>>()
try {
  const names =
    values.who?.split(',') ??
    Object.keys(makers).filter((name) => !['noodle-alone', 'noodle-remote'].includes(name))
  const contenders = names.map((name) => {
    const make = makers[name]
    if (!make) throw new Error(`There is no contender ${name}; there are ${Object.keys(makers).join(', ')}.`)
    return make(stores)
  })
  for (let round = 1; round <= rounds; round++) {
    for (const measure of values.only.split(',')) {
      for (const contender of contenders) {
        const found = await measures[measure]?.(contender)
        if (!found)
          throw new Error(`There is no measure ${measure}; there are ${Object.keys(measures).join(', ')}.`)
        const all = figures.get(contender.name) ?? {}
        ;(all[measure] ??= []).push(found)
        figures.set(contender.name, all)
        if (Object.keys(found).length > 0)
          process.stderr.write(`${String(round)} ${measure} ${contender.name} ${brief(found)}\n`)
      }
    }
  }
} finally {
  await stores.stop()
}
if (values.json) writeFileSync(values.json, JSON.stringify(Object.fromEntries(figures), null, 2))
if (values.report) {
  const command = `npm run bench -- ${process.argv
    .slice(2)
    .filter((argument, i, all) => argument !== '--report' && all[i - 1] !== '--report')
    .join(' ')}`
  writeFileSync(
    values.report,
    page(figures, { rounds, backlog: sizes.drain, machine: describeMachine(stores), command }),
  )
}
console.log(report(figures))

function describeMachine({ versions }: Stores): string {
  const [cpu] = cpus()
  return `${String(cpus().length)} cores (${cpu?.model ?? 'unknown'}), ${String(Math.round(totalmem() / 2 ** 30))} GiB, Node ${process.versions.node}, ${versions}`
}

function brief(found: Figures): string {
  return Object.entries(found)
    .map(([name, value]) => `${name}=${value < 10 ? value.toFixed(3) : String(Math.round(value))}`)
    .join(' ')
}
