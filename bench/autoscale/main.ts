/*
 * Noodle's scaling policy beside others, simulated: `npm run bench:autoscale` in bench/, `-- --short` for a first look.
 *   --traces DIR   also the recorded arrivals of AzureLLMInferenceTrace_code.csv in this folder
 *   --conv         and those of AzureLLMInferenceTrace_conv.csv, which nothing was tuned on: for the report
 *   --seed N       of the generated inputs; default 1, the report has another one
 *   --only TEXT    inputs whose name has this in it
 *   --json FILE    all figures
 *   --report FILE  a page of Markdown
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { outcomeOf, type Outcome } from '../../ops/autoscale/simulate/compare.ts'
import { makeNoodlePilot } from '../../ops/autoscale/simulate/noodle-pilot.ts'
import { rivals } from '../../ops/autoscale/simulate/rivals/all-rivals.ts'
import { type FleetSettings, simulate } from '../../ops/autoscale/simulate/simulate.ts'
import { workOf } from '../../ops/autoscale/simulate/workload.ts'
import { defaultPolicy } from '../../queue/domain/scaling/policy.ts'
import { generated, type Input, trace } from './inputs.ts'
import { page, type Measured } from './report.ts'

const { values } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    traces: { type: 'string' },
    conv: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    json: { type: 'string' },
    report: { type: 'string' },
  },
})

/** The one knob, in s; nothing else is changed from input to input. */
const targets = values.short
  ? [0, 5, 20, 60, 120, 600]
  : [
      ...[0, 0.5, 1, 2, 3, 4, 5, 6, 6.5, 7, 8, 9, 10, 12, 15, 17, 20, 25, 30, 35, 40, 45, 50, 55],
      ...[60, 70, 80, 90, 100, 120, 150, 180, 210, 240, 270, 300, 360, 600, 1800],
    ]
/** For the longest inputs, each point of which takes its time. */
const fewerTargets = [1, 4, 9, 15, 25, 30, 35, 40, 55, 80, 120, 300]

const inputs = [
  ...generated(Number(values.seed)),
  ...(values.traces === undefined ? [] : trace('code', values.traces)),
  ...(values.traces === undefined || !values.conv ? [] : trace('conv', values.traces)),
].filter(({ name }) => name.includes(values.only) && !(values.short && name.startsWith('days')))

const measured: Measured[] = []
for (const input of inputs) {
  const startedMs = performance.now()
  measured.push(measure(input))
  console.log(`${input.name}: ${((performance.now() - startedMs) / 1000).toFixed(0)} s`)
}

const command = `npm run bench:autoscale -- --seed ${values.seed}${values.short ? ' --short' : ''}${values.traces === undefined ? '' : ' --traces DIR'}${values.conv ? ' --conv' : ''}`
const text = page(measured, { command, seed: values.seed })
if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(measured, null, 1))
if (values.report !== undefined) writeFileSync(values.report, text)
else console.log(text)

function measure(input: Input): Measured {
  const workload = input.make()
  const settings: FleetSettings = {
    slotsPerNode: input.slotsPerNode,
    min: input.min,
    max: input.max,
    coldStart: () => input.coldStartSeconds,
  }
  const theirs: Outcome[] = Object.entries(rivals).map(([name, make]) =>
    outcomeOf(name as keyof typeof rivals, [simulate(workload, settings, make(workload, settings))]),
  )
  const ours = (input.isLong && !values.short ? fewerTargets : targets).map((seconds) => {
    const policy = { ...defaultPolicy, min: input.min, max: input.max, targetWaitMs: seconds * 1000 }
    const result = simulate(workload, settings, makeNoodlePilot(workload, policy))
    return { ...outcomeOf('noodle', [result]), targetSeconds: seconds }
  })
  return {
    name: input.name,
    what: input.what,
    jobs: workload.count,
    floorNodeSeconds: workOf(workload) / input.slotsPerNode,
    theirs,
    ours,
  }
}
