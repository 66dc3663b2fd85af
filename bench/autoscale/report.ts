import type { Outcome } from '../../ops/autoscale/simulate/compare.ts'
import { serviceModel } from './traces.ts'

export interface Point extends Outcome {
  targetSeconds: number
}

export interface Measured {
  name: string
  what: string
  jobs: number
  floorNodeSeconds: number
  theirs: Outcome[]
  /** The curve: a point for each target wait. */
  ours: Point[]
}

/** The page of a run: how it was made, what came of it, where it fails, and all figures. */
export function page(measured: readonly Measured[], run: { command: string; seed: string }): string {
  const { fixed, contextToken, generatedToken } = serviceModel
  return `# Autoscaling benchmark

<!-- Made by npm run bench:autoscale -- --report, in bench/. -->

Noodle's scaling policy ([autoscaling.md](autoscaling.md)) beside what others do, in a discrete-event simulation that runs the code of the product. Nothing but the target wait is changed from point to point, and nothing
from input to input: nodes of 4 slots, 1 to 40 of them, everything else as by default. The rivals' rules and their sources are told in ops/autoscale/simulate/rivals; what the simulation assumes, in autoscaling.md. Rivals that look at idle nodes get their jobs packed, which
suits them best. *Fixed peak* knows the future. The fortnight, the heavy tail and the deadlines are run with fewer targets, as *All figures* shows.

Every run begins with one node that is up and nothing learnt. In an hour with a cold start of 300 s the jobs of the first minutes alone are more than 5 of 100, so that the p95 wait there tells of the start, and of how many nodes a policy asks for when it knows nothing.

The generated inputs were tuned on with seed 1 and are shown with seed ${run.seed}. Of the recorded arrivals (Azure LLM inference 2023; Patel et al., Splitwise, ISCA 2024), \`code\` was tuned on, \`conv\` was not. A request of theirs takes ${String(fixed)} s and ${String(contextToken * 1000)} ms a
context token and ${String(generatedToken * 1000)} ms a generated token.

The floor is what the jobs' slot-seconds need with every slot in use all the time. A point of Noodle's curve *is better* than a rival when it has at most its node-seconds, its p95 wait and its missed deadlines, and less of one of the first two. Again: \`${run.command}\`

## Beside KEDA with the HPA

The cheapest point of the curve with at most its p95 wait and misses.

${besideKeda(measured)}

## Where the curve is better

The smallest and the largest target wait, in s, with which it is; *none* where no point is.

${frontier(measured)}

${failures(measured)}

## All figures

${measured.map(figures).join('\n\n')}
`
}

const thousands = (value: number): string => Math.round(value).toLocaleString('en')
const secondsOf = (ms: number): string => (ms / 1000).toFixed(1)
const line = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`

function besideKeda(measured: readonly Measured[]): string {
  let [ourNodes, theirNodes, ourEvents, theirEvents, ourKills, theirKills] = [0, 0, 0, 0, 0, 0]
  const ratios: number[] = []
  const rows = measured.map(({ name, theirs, ours }) => {
    const keda = theirs.find((one) => one.name === 'keda-hpa')
    if (!keda) return line([name])
    const fitting = ours.filter(
      (one) => one.waitMs.p95 <= keda.waitMs.p95 && one.deadlineMisses <= keda.deadlineMisses,
    )
    const best = fitting.toSorted((a, b) => a.nodeSeconds - b.nodeSeconds)[0]
    if (!best) return line([name, thousands(keda.nodeSeconds), secondsOf(keda.waitMs.p95), 'none'])
    ourNodes += best.nodeSeconds
    theirNodes += keda.nodeSeconds
    ourEvents += best.scaleEvents
    theirEvents += keda.scaleEvents
    ourKills += best.busyKills
    theirKills += keda.busyKills
    ratios.push(best.nodeSeconds / keda.nodeSeconds)
    return line([
      name,
      thousands(keda.nodeSeconds),
      secondsOf(keda.waitMs.p95),
      `${thousands(best.nodeSeconds)} (${change(best.nodeSeconds / keda.nodeSeconds)})`,
      secondsOf(best.waitMs.p95),
      best.targetSeconds,
      `${best.scaleEvents} / ${keda.scaleEvents}`,
      `${best.busyKills} / ${keda.busyKills}`,
    ])
  })
  const mean = ratios.reduce((sum, ratio) => sum + ratio, 0) / Math.max(1, ratios.length)
  return [
    '| input | KEDA: node-seconds | p95 wait, s | Noodle: node-seconds | p95 wait, s | target, s | changes, Noodle / KEDA | killed, Noodle / KEDA |',
    '|---|---:|---:|---:|---:|---:|---:|---:|',
    ...rows,
    line([
      'all together',
      thousands(theirNodes),
      '',
      `${thousands(ourNodes)} (${change(ourNodes / theirNodes)})`,
      '',
      '',
      `${ourEvents} / ${theirEvents} (${((100 * ourEvents) / theirEvents).toFixed(0)} %)`,
      `${ourKills} / ${theirKills}`,
    ]),
    '',
    `The mean of the inputs' changes is ${change(mean)}.`,
  ].join('\n')
}

const change = (ratio: number): string =>
  `${ratio > 1 ? '+' : '−'}${Math.abs((ratio - 1) * 100).toFixed(0)} %`

const betterPoints = ({ ours }: Measured, rival: Outcome): Point[] =>
  ours.filter(
    (one) =>
      one.nodeSeconds <= rival.nodeSeconds &&
      one.waitMs.p95 <= rival.waitMs.p95 &&
      one.deadlineMisses <= rival.deadlineMisses &&
      (one.nodeSeconds < rival.nodeSeconds || one.waitMs.p95 < rival.waitMs.p95),
  )

function frontier(measured: readonly Measured[]): string {
  const names = measured[0]?.theirs.map(({ name }) => name) ?? []
  const rows = measured.map((one) =>
    line([
      one.name,
      ...one.theirs.map((rival) => {
        const points = betterPoints(one, rival)
        const [first, last] = [points[0], points.at(-1)]
        if (!first || !last) return '**none**'
        return first === last
          ? String(first.targetSeconds)
          : `${first.targetSeconds} to ${last.targetSeconds}`
      }),
    ]),
  )
  return [line(['input', ...names]), `|---${'|---:'.repeat(names.length)}|`, ...rows].join('\n')
}

/** Each rival that no point is better than, with the nearest points on both sides. */
function failures(measured: readonly Measured[]): string {
  const all = measured.flatMap((one) => one.theirs.map((rival) => ({ one, rival })))
  const failed = all.filter(({ one, rival }) => betterPoints(one, rival).length === 0)
  const lines = failed.map(({ one, rival }) => {
    const cheapest = one.ours
      .filter(
        ({ waitMs, deadlineMisses }) =>
          waitMs.p95 <= rival.waitMs.p95 && deadlineMisses <= rival.deadlineMisses,
      )
      .toSorted((a, b) => a.nodeSeconds - b.nodeSeconds)[0]
    const rest = cheapest
      ? `at its p95 wait of ${secondsOf(rival.waitMs.p95)} s or less Noodle needs ${change(cheapest.nodeSeconds / rival.nodeSeconds)} node-seconds`
      : `no point has its p95 wait of ${secondsOf(rival.waitMs.p95)} s or less; the shortest is ${secondsOf(Math.min(...one.ours.map(({ waitMs }) => waitMs.p95)))} s`
    return `- ${one.name}, ${rival.name}: ${rest}`
  })
  return `It is better in ${all.length - failed.length} of ${all.length} cases.${lines.length > 0 ? ' It is not here:\n\n' : ''}${lines.join('\n')}`
}

function figures(one: Measured): string {
  const row = (
    name: string,
    { nodeSeconds, waitMs, deadlineMisses, scaleEvents, busyKills }: Outcome,
  ): string =>
    line([
      name,
      thousands(nodeSeconds),
      (nodeSeconds / one.floorNodeSeconds).toFixed(2),
      ...[waitMs.p50, waitMs.p95, waitMs.p99].map(secondsOf),
      deadlineMisses,
      scaleEvents,
      busyKills,
    ])
  return [
    `### ${one.name}`,
    '',
    `${one.what}. ${one.jobs.toLocaleString('en')} jobs; the floor is ${thousands(one.floorNodeSeconds)} node-seconds.`,
    '',
    '| | node-seconds | of the floor | wait p50, s | p95 | p99 | missed | changes | killed |',
    '|---|---:|---:|---:|---:|---:|---:|---:|---:|',
    ...one.theirs.map((rival) => row(rival.name, rival)),
    ...one.ours.map((point) => row(`Noodle, target ${point.targetSeconds} s`, point)),
  ].join('\n')
}
