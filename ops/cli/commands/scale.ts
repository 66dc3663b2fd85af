import type { Command } from 'commander'
import type { Page } from '../api-client.ts'
import type { ResourceAdvice, ScalingPolicy, Scaling } from '../../../client/src/contract.ts'
import { duration, timeOrDelay, wholeNumber } from '../arguments.ts'
import type { Cli } from '../cli.ts'
import { CliError } from '../cli-error.ts'
import { showDuration, showRelative } from '../../../core/durations.ts'
import { tableOf } from '../table.ts'

interface ScaleFlags {
  mode?: string
  min?: number
  max?: number
  targetWait?: number
  cooldown?: number
  jobsPerNode?: number
  until?: string
  reset?: boolean
  decisions: number
}

export function addScale(program: Command, cli: Cli): void {
  const scale = program
    .command('scale')
    .summary('show or change how a tier is scaled')
    .description(
      'Shows how a tier is scaled, and what was decided why. With a number of nodes the tier is kept at it: until a time, or in the mode manual until it is told otherwise.',
    )
    .argument('<tier>')
    .argument('[nodes]', 'keep so many nodes', wholeNumber)
    .option('--until <time>', 'keep them until then only: a time, or from now on (2h)', timeOrDelay)
    .option('--mode <mode>', 'auto, queueDepth, manual or dryRun')
    .option('--min <nodes>', 'least nodes', wholeNumber)
    .option('--max <nodes>', 'most nodes', wholeNumber)
    .option('--target-wait <duration>', 'how long jobs may wait (5s)', duration)
    .option('--cooldown <duration>', 'least time between two removals of nodes (5m)', duration)
    .option('--jobs-per-node <jobs>', 'of the mode queueDepth', wholeNumber)
    .option('--reset', 'give all that was changed its configured value back')
    .option('--decisions <count>', 'how many decisions to show', wholeNumber, 10)
    .action(async (tier: string, nodes: number | undefined, flags: ScaleFlags) => {
      const api = cli.connect()
      const path = `/v1/tiers/${encodeURIComponent(tier)}/scaling`
      const changes = changesOf(nodes, flags)
      if (Object.keys(changes).length > 0)
        await api.call<Scaling>('PATCH', path, { body: JSON.stringify(changes), isRepeatable: true })
      const scaling = await api.call<Scaling>('GET', `${path}?limit=${String(Math.max(1, flags.decisions))}`)
      cli.show(scaling, () => describe(scaling))
    })
  scale
    .command('advise')
    .summary('tell what the jobs of a tier should ask for')
    .description(
      'Tells, by task and by what its jobs asked for, what they have used, and what they should ask for: what 95 of 100 did not exceed, and a fifth more.',
    )
    .argument('<tier>')
    .action(async (tier: string) => {
      const path = `/v1/tiers/${encodeURIComponent(tier)}/advice`
      const page = await cli.connect().call<Page<ResourceAdvice>>('GET', path)
      if (page.items.length === 0) cli.note('No job of this tier has succeeded lately.')
      cli.show(page, () => (page.items.length === 0 ? [] : adviceTable(page.items)))
    })
}

const need = ({ cpu, memoryMb }: { cpu: number | null; memoryMb: number | null }): string =>
  [cpu === null ? '' : `${cpu.toFixed(1)} cpu`, memoryMb === null ? '' : `${memoryMb.toFixed(0)} MiB`]
    .filter(Boolean)
    .join(', ')

const adviceTable = (items: readonly ResourceAdvice[]): string[] =>
  tableOf(items, [
    { title: 'TASK', value: ({ task }) => task },
    { title: 'JOBS', value: ({ jobs }) => jobs, align: 'right' },
    { title: 'ASKED', value: ({ asked }) => need(asked) },
    { title: 'USED', value: ({ used }) => need(used) },
    { title: 'SHOULD ASK', value: ({ recommended }) => need(recommended) },
    {
      title: 'VERDICT',
      value: ({ verdict }) => verdict,
      colour: ({ verdict }) =>
        verdict === 'asks too little' ? 'red' : verdict === 'asks too much' ? 'yellow' : undefined,
    },
  ])

/** Fields for PATCH; null gives a field its configured value back. */
function changesOf(nodes: number | undefined, flags: ScaleFlags): Record<string, unknown> {
  if (flags.until !== undefined && nodes === undefined)
    throw new CliError('--until says how long to keep a number of nodes; give the number too.', {
      exitCode: 2,
    })
  const kept =
    nodes === undefined
      ? {}
      : flags.until === undefined
        ? { mode: 'manual', replicas: nodes }
        : { override: { replicas: nodes, until: flags.until } }
  const reset = flags.reset ? Object.fromEntries(changeable.map((name) => [name, null])) : {}
  const given = {
    mode: flags.mode,
    min: flags.min,
    max: flags.max,
    targetWaitMs: flags.targetWait,
    cooldownSeconds: flags.cooldown === undefined ? undefined : Math.round(flags.cooldown / 1000),
    jobsPerNode: flags.jobsPerNode,
  }
  return {
    ...reset,
    ...kept,
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
  }
}

const changeable = [
  ...['mode', 'min', 'max', 'targetWaitMs', 'cooldownSeconds', 'replicas', 'jobsPerNode'],
  ...['thresholds', 'schedules', 'override'],
]

function describe({ tier, policy, desired, decidedAt, reason, decisions }: Scaling): string[] {
  return [
    `Tier ${tier}: ${policyText(policy)}.`,
    decidedAt === null || desired === null
      ? 'Nothing was decided yet: ops decides each few seconds while it runs and SCALING_DRIVER is not none.'
      : `${String(desired)} nodes desired (decided ${showRelative(decidedAt)}): ${reason ?? ''}`,
    ...(decisions.length === 0
      ? []
      : [
          '',
          ...tableOf(decisions, [
            { title: 'WHEN', value: ({ at }) => showRelative(at) },
            { title: 'NODES', value: ({ from, to }) => `${String(from)} > ${String(to)}` },
            { title: 'MODE', value: ({ mode }) => mode },
            { title: 'REASON', value: ({ reason: why }) => why },
          ]),
        ]),
  ]
}

function policyText(policy: ScalingPolicy): string {
  const { mode, min, max, targetWaitMs, cooldownSeconds, jobsPerNode, replicas, override } = policy
  const modes: Record<string, string> = {
    auto: `auto, ${String(min)} to ${String(max)} nodes, jobs may wait ${showDuration(targetWaitMs)}, removals ${showDuration(cooldownSeconds * 1000)} apart`,
    queueDepth: `queueDepth, ${String(min)} to ${String(max)} nodes, one for each ${String(jobsPerNode)} jobs`,
    manual: `manual, ${String(replicas ?? min)} nodes`,
    dryRun: `dryRun, ${String(min)} to ${String(max)} nodes: decided, and not done`,
  }
  const kept = override ? `; ${String(override.replicas)} nodes are kept until ${override.until}` : ''
  return `${modes[mode] ?? mode}${kept}`
}
