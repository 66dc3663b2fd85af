import { writeFileSync } from 'node:fs'
import { type Command, InvalidArgumentError } from 'commander'
import { readConfig, sourceOf } from '../../../core/config.ts'
import { didYouMean } from '../../../core/did-you-mean.ts'
import type { ScalingPolicy } from '../../../queue/domain/scaling/policy.ts'
import { canonicalTier } from '../../../queue/domain/tiers.ts'
import { makeScalingPolicies, type ScalingPolicies } from '../../../queue/use-cases/scaling-policies.ts'
import { drawChart } from '../../autoscale/simulate/chart.ts'
import {
  compare,
  type Comparison,
  type Outcome,
  type PolicyName,
  policyNames,
} from '../../autoscale/simulate/compare.ts'
import { type Trace, TraceError, readTrace } from '../../autoscale/simulate/trace.ts'
import type { Workload } from '../../autoscale/simulate/workload.ts'
import { localScalingPolicies } from '../../local/local-scaling.ts'
import { duration, positiveNumber, wholeNumber } from '../arguments.ts'
import type { Cli } from '../cli.ts'
import { CliError } from '../cli-error.ts'
import { showDuration } from '../../../core/durations.ts'
import { readText } from '../read-input.ts'
import { isHistoryLocal } from '../stores.ts'
import { tableOf } from '../table.ts'

interface Options {
  trace?: string
  fromHistory?: number
  tier?: string
  slotsPerNode?: number
  coldStartMs: [least: number, most: number]
  min?: number
  max?: number
  targetWaitMs?: number
  cooldownSeconds?: number
  policies: PolicyName[]
  chart?: string
}

export function addSimulate(program: Command, cli: Cli): void {
  program
    .command('simulate')
    .summary('try scaling policies on a recorded trace')
    .description(
      "Runs a trace of jobs, or those of the platform's last hours, through a simulated tier under Noodle's scaling policy and under others, and shows how long jobs waited and what it cost. Nothing of the platform is changed. What a run assumes is told in docs/autoscaling.md.",
    )
    .option(
      '--trace <file>',
      'CSV with the columns at, serviceMs and, if you like, tier, task, slots, deadlineMs; - for stdin',
    )
    .option(
      '--from-history <duration>',
      'instead of a trace the jobs that were accepted so lately, such as 24h',
      duration,
    )
    .option('--tier <name>', 'only jobs of this tier')
    .option('--slots-per-node <number>', 'jobs that a node runs at once; default CONCURRENCY', atLeastOne)
    .option(
      '--cold-start-ms <ms>',
      'from asking for a node until it takes jobs; two numbers, such as 20000-90000, for anything between',
      coldStart,
      [60_000, 60_000],
    )
    .option('--min <number>', 'fewest nodes; default as SCALING_POLICIES says, else 2', wholeNumber)
    .option('--max <number>', 'most nodes; default as SCALING_POLICIES says, else 16', atLeastOne)
    .option(
      '--target-wait-ms <ms>',
      "95 of 100 jobs shall start within it, for Noodle's policy; default as SCALING_POLICIES says, else 5000",
      wholeNumber,
    )
    .option(
      '--cooldown-seconds <seconds>',
      "least time between two removals, for Noodle's policy; default as SCALING_POLICIES says, else 300",
      wholeNumber,
    )
    .option('--policies <names>', `some of ${policyNames.join(', ')}; default all`, policyList, policyNames)
    .option('--chart <file.svg>', 'draw the nodes over time')
    .addHelpText(
      'after',
      '\nExamples:\n  noodle simulate --trace jobs.csv --slots-per-node 4 --target-wait-ms 30000\n  noodle simulate --from-history 24h --tier small --policies noodle,keda-hpa --chart day.svg',
    )
    .action(async (options: Options) => {
      const { CONCURRENCY, TIERS, SCALING_POLICIES } = readConfig([
        'CONCURRENCY',
        'TIERS',
        'SCALING_POLICIES',
      ])
      const isLocal = options.fromHistory !== undefined && isHistoryLocal()
      const policies = makeScalingPolicies(
        TIERS,
        isLocal && sourceOf('SCALING_POLICIES') === 'default' ? localScalingPolicies : SCALING_POLICIES,
      )
      const slotsPerNode = options.slotsPerNode ?? CONCURRENCY
      const coldStart = coldStarts(options.coldStartMs)
      policyOf(policies, canonicalTier(options.tier ?? ''), options) // what is wrong with it is told before a long trace is read
      const trace = await readJobs(options, slotsPerNode)
      const tiers = pickTier(trace, options.tier).map(([tier, workload]) => {
        const policy = policyOf(policies, tier, options)
        return { workload, policy, settings: { min: policy.min, max: policy.max, slotsPerNode, coldStart } }
      })
      const comparison = compare(tiers, options.policies)
      if (options.chart !== undefined) writeChart(options.chart, comparison)
      cli.show({ policies: comparison.outcomes }, () => tableOfOutcomes(comparison))
    })
}

/** What is configured for the tier, with what was asked for. A trace knows no time of the day, so what holds by the clock is left out. */
function policyOf(policies: ScalingPolicies, tier: string, options: Options): ScalingPolicy {
  const { override: _, ...configured } = policies.of(tier)
  const min = options.min ?? configured.min
  const max = options.max ?? Math.max(min, configured.max)
  if (min > max)
    throw new CliError(`--min ${String(min)} is more than --max ${String(max)}.`, { exitCode: 2 })
  return {
    ...configured,
    ...{ min, max, schedules: [] },
    targetWaitMs: options.targetWaitMs ?? configured.targetWaitMs,
    cooldownSeconds: options.cooldownSeconds ?? configured.cooldownSeconds,
  }
}

async function readJobs(options: Options, slotsPerNode: number): Promise<Trace> {
  if ((options.trace === undefined) === (options.fromHistory === undefined))
    throw new CliError('Give either --trace FILE or --from-history DURATION.', { exitCode: 2 })
  if (options.fromHistory !== undefined) {
    const { readHistory } = await import('../read-history.ts') // only this needs the stores
    return readHistory(options.fromHistory / 3_600_000, slotsPerNode)
  }
  try {
    return readTrace(readText(options.trace ?? '-'), slotsPerNode)
  } catch (error) {
    if (error instanceof TraceError) throw new CliError(error.message, { exitCode: 2 })
    throw error
  }
}

function pickTier(trace: Trace, tier: string | undefined): [tier: string, workload: Workload][] {
  if (tier === undefined) return [...trace]
  const name = canonicalTier(tier)
  const workload = trace.get(name)
  if (workload) return [[name, workload]]
  const known = [...trace.keys()].filter(Boolean)
  throw new CliError(
    `There is no job of the tier ${tier}${known.length > 0 ? `; there are jobs of ${known.join(', ')}` : ': the jobs name no tier'}.`,
    { exitCode: 2 },
  )
}

/** The same for each policy and each run: the n-th node takes as long whoever asks for it. */
function coldStarts([least, most]: [number, number]): (n: number) => number {
  return (n) => {
    const share = ((n + 1) * 0.618_033_988_75) % 1 // the golden section spreads evenly (Weyl, 1916)
    return (least + (most - least) * share) / 1000
  }
}

function writeChart(file: string, comparison: Comparison): void {
  try {
    writeFileSync(file, drawChart(comparison))
  } catch (error) {
    throw new CliError(
      `The chart can't be written: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
}

function tableOfOutcomes({ outcomes, floorNodeSeconds }: Comparison): string[] {
  const percent = ({ nodeSeconds }: Outcome): string =>
    floorNodeSeconds > 0 ? `${String(Math.round((nodeSeconds / floorNodeSeconds) * 100))} %` : ''
  return [
    ...tableOf(outcomes, [
      { title: 'POLICY', value: ({ name }) => name },
      { title: 'NODE-SECONDS', value: ({ nodeSeconds }) => Math.round(nodeSeconds), align: 'right' },
      { title: 'OF FLOOR', value: percent, align: 'right' },
      ...(['p50', 'p95', 'p99', 'max'] as const).map((part) => ({
        title: part === 'max' ? 'LONGEST WAIT' : `WAIT ${part.toUpperCase()}`,
        value: ({ waitMs }: Outcome) => showDuration(waitMs[part]),
        align: 'right' as const,
      })),
      { title: 'MISSED', value: ({ deadlineMisses }) => deadlineMisses, align: 'right' },
      { title: 'CHANGES', value: ({ scaleEvents }) => scaleEvents, align: 'right' },
      { title: 'KILLED', value: ({ busyKills }) => busyKills, align: 'right' },
    ]),
    `The floor, every slot in use all the time, is ${String(Math.round(floorNodeSeconds))} node-seconds.`,
  ]
}

function atLeastOne(text: string): number {
  const value = wholeNumber(text)
  if (value < 1) throw new InvalidArgumentError('It must be 1 or more.')
  return value
}

function coldStart(text: string): [number, number] {
  const [least = '', most = least, ...more] = text.split('-')
  if (more.length > 0) throw new InvalidArgumentError('It must be a number, or two such as 20000-90000.')
  const range: [number, number] = [positiveNumber(least), positiveNumber(most)]
  if (range[0] > range[1])
    throw new InvalidArgumentError('The first number must not be larger than the second.')
  return range
}

function policyList(text: string): PolicyName[] {
  const names = text.split(',').map((name) => name.trim())
  return names.map((name) => {
    const known = policyNames.find((one) => one === name)
    if (known) return known
    throw new InvalidArgumentError(
      `There is no policy ${name || '(without a name)'}${didYouMean(name, policyNames)}`,
    )
  })
}
