import type { Losses } from './baseline/run-baseline.ts'
import type { CampaignReport, CycleReport } from './campaign.ts'
import type { ControlReport } from './controls.ts'
import { isKept, type Promised } from './promises.ts'
import { seconds } from './seconds.ts'

export interface FaultSummary {
  fault: string
  cycles: number
  violated: number
  acknowledged: number
  recoveryMs: { p50: number; p99: number; max: number }
}

/** One row a fault, and one for all of them. */
export function summarise(cycles: readonly CycleReport[]): FaultSummary[] {
  const names = [...new Set(cycles.map(({ fault }) => fault.name))].sort((a, b) => a.localeCompare(b, 'en'))
  return [
    ...names.map((fault) =>
      sumUp(
        fault,
        cycles.filter((cycle) => cycle.fault.name === fault),
      ),
    ),
    sumUp('all', cycles),
  ]
}

function sumUp(fault: string, cycles: readonly CycleReport[]): FaultSummary {
  const recoveries = cycles.map(({ recoveryMs }) => recoveryMs).sort((a, b) => a - b)
  const quantile = (q: number): number => recoveries[Math.ceil(q * recoveries.length) - 1] ?? 0
  return {
    fault,
    cycles: cycles.length,
    violated: cycles.filter(({ violations }) => violations.length > 0).length,
    acknowledged: cycles.reduce((sum, cycle) => sum + cycle.acknowledged, 0),
    recoveryMs: { p50: quantile(0.5), p99: quantile(0.99), max: recoveries.at(-1) ?? 0 },
  }
}

export function printTable(report: CampaignReport, print: (line: string) => void): void {
  const rows = summarise(report.cycles)
  const width = Math.max(...rows.map(({ fault }) => fault.length))
  print('')
  print(`${'fault'.padEnd(width)}  cycles  violated   jobs  whole again p50   p99   max (s)`)
  for (const { fault, cycles, violated, acknowledged, recoveryMs } of rows) {
    const { p50, p99, max } = recoveryMs
    print(
      `${fault.padEnd(width)}  ${String(cycles).padStart(6)}  ${String(violated).padStart(8)}  ${String(acknowledged).padStart(5)}  ` +
        `${seconds(p50).padStart(15)}  ${seconds(p99).padStart(4)}  ${seconds(max).padStart(4)}`,
    )
  }
}

export function printPromises(promises: readonly Promised[], print: (line: string) => void): void {
  for (const promised of promises) {
    const sorted = [...promised.measured].sort((a, b) => a - b)
    const at = (q: number): number => Math.round(sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? NaN)
    print(
      `${isKept(promised) ? 'kept' : 'NOT KEPT'}: ${promised.name}: ${sorted.length} times, p50 ${at(0.5)}, p99 ${at(0.99)}, ` +
        `least ${at(0)}, most ${at(1)} ${promised.unit}; bound ${promised.bound}`,
    )
  }
}

/** What the baseline lost, counted of the platform. */
export function lossesOf({ cycles }: CampaignReport): Losses {
  const violations = cycles.flatMap((cycle) => cycle.violations)
  const jobsOf = (invariant: string): number => violations.filter((one) => one.invariant === invariant).length
  return {
    cycles: cycles.length,
    acknowledged: cycles.reduce((sum, cycle) => sum + cycle.acknowledged, 0),
    lost: jobsOf('I1'),
    stuck: jobsOf('I2'),
    wrong: jobsOf('I12'),
    repeatedEffects: cycles.reduce((sum, cycle) => sum + cycle.repeatedEffects, 0),
    overlaps: jobsOf('I9'),
  }
}

export interface Comparison {
  platform: Losses
  baseline: Losses
}

export interface FullReport {
  seed: number
  profile: string
  campaign: CampaignReport
  /** Of the group `promises`, when it was asked for. */
  heavy: CampaignReport | undefined
  comparison: Comparison | undefined
  controls: readonly ControlReport[] | undefined
}

/** docs/reliability-report.md. */
export function toMarkdown(full: FullReport): string {
  const { campaign } = full
  const all = summarise(campaign.cycles).at(-1)
  const violated = campaign.cycles.filter(({ violations }) => violations.length > 0)
  return `# Reliability report

<!-- Made by npm run faults -- --report. -->

A platform of real processes (Postgres and Redis with fsync, two gateways, two workers, one ops process, a TCP proxy on each link between them) takes load
through its API. In each cycle one fault strikes; when it is over, every acknowledged job must come to its end within the bound, and then the record is held
against the driver's own journal, against a log of effects that lies outside of both stores, and against the process table.

Seed ${full.seed}, profile \`${full.profile}\`: **${campaign.cycles.length} cycles, ${campaign.acknowledged} acknowledged jobs, ${violated.length} cycles with a violation**,
${campaign.finalViolations.length} violations in the whole record at the end. From the end of a fault until all jobs accepted before had ended: median
${seconds(all?.recoveryMs.p50 ?? 0)} s, 99 % ${seconds(all?.recoveryMs.p99 ?? 0)} s, longest ${seconds(all?.recoveryMs.max ?? 0)} s; that includes the run time of the jobs, up to 2 s.
${violated.length > 0 ? `\n${violationList(violated)}\n` : ''}
## By fault

| fault | cycles | with a violation | acknowledged jobs | whole again p50 | p99 | max | bound on its failure rate (95 %) |
|---|---|---|---|---|---|---|---|
${summarise(campaign.cycles).map(toRow).join('\n')}

The bound is the rule of three: no failure in n trials leaves a rate below 3/n. Cycles are the trials; jobs of one cycle share its fate and are only counted.

${answers(campaign)}

## What is promised in figures

${promiseTable(full)}

Times are those of this run: ${full.profile === 'fast' ? 'with profile `fast`, whose lease is 3 s' : 'with profile `real`, whose lease is 10 s'}. A killed worker is measured from the kill to the next start of each job that it
ran, by Postgres' clock; acceptance from the moment that Postgres serves again to the first 202 that a client got, with its own pauses between tries. Overload: batches of 20
jobs, the peak taken by 64 clients that wait for their answers, then three times as many jobs a second by a generator that waits for nothing. Driver, stores and platform share the machine.
${campaign.promises.length === 0 ? '' : promiseDetails(full)}
${promotions(campaign)}

## Beside BullMQ alone

Express and BullMQ without a database behind them, with the same workload and lock times: \`queue.add\` a request, the idempotency key as job id,
BullMQ's own retries and stalled check (\`maxStalledCount\` 3), AOF synced every second. The same faults: a worker killed; Redis killed, without the last second of its
log, emptied, back in an older state.

${comparisonTable(full.comparison)}

An effect that came to its end more than once is allowed on both sides: a run may die between its effect and its record. The number of the whole campaign
is ${campaign.repeatedEffects}.

## Does it notice?

The campaign was run against the product with one safeguard taken out, for each of the nine without which the model of the design breaks.

${controlTable(full.controls)}

## What is checked after each cycle

| | |
|---|---|
| I1 | every acknowledged id has a row, but for what a lagging standby never had; nobody is told that an acknowledged job is not there |
| I2 | every accepted job has ended within the bound |
| I3 | at most one success a job, by the attempt whose fence the job shows; the result is the task's own; its effect was seen |
| I4 | the events of a job are a path of the table of transitions; fences grow; nothing leaves a state under an older fence |
| I5 | states seen through the API never go back |
| I6 | no job exists that was not promised, except for lost answers without a key; no delivery is left in BullMQ at rest |
| I7 | no ended job names a holder; no delivery lock, no session idle in a transaction, no surplus sessions at rest |
| I8 | no process, zombie or scratch folder of a job is left at rest |
| I9 | no run of a job goes on after a later one has begun |
| I11 | one key, one job |
| I12 | jobs end as their task did; none is blamed for a node that died; what never started had no effect; what had expired never starts |
| I13 | no 5xx but 503 with Retry-After; every key gets its answer soon after the fault |
| I14 | Redis, memory and handles at the end as at the beginning |

Not applicable yet: I10 (there are no completion webhooks), I3's references to results and I8's to artifacts (results are stored in the row), I5 over gRPC.

## What this does not show

- One machine: no lost packets, no disk that lies. A power cut is emulated by cutting the tail of Redis' log; of Postgres only the processes die.
- Clocks: one process's own clock is wrong, by 5 min or 1 h, ahead or behind. The clocks of Postgres and Redis are right and alike.
- A gateway whose clock is an hour ahead refuses access tokens that live an hour as expired; the campaign's live a day. Ids begin with the gateway's time: those of a gateway that
  is minutes behind are older than what the ledger has counted already, and only \`noodle doctor\` counts them.
- A promoted standby that lagged lacks what it had not received, and sets back what it has an older state of: of those jobs an answer that a client saw may be undone, and a run that
  the record has forgotten goes on until its node renews its lease. Exactly these ids, read from the dead primary's data, are excepted from I1, I5, I9, I11 and I12; nothing else is.
- Disk full: Postgres lies on a file system of its own (ext4 in an image), filled to the last byte. Redis' disk is not filled.
- Two versions are emulated by the format of rows that workers read and gateways write; there is only one version of the code.
- A poison job kills its worker by SIGKILL. One that only makes it slow is another matter.
- Profile \`fast\` scales leases and locks down to a quarter; run \`--profile real\` to see that this hides nothing.
- What a job has started is found by its process group and by a mark in its environment. A program that leaves its group and clears its environment is not
  found: it may go on after its job was given to another node.
- Load is light (about 100 jobs a second, a quarter of them with work to do): what only a full queue shows is shown by the heavy measurements and elsewhere.
- Restored backups of Postgres are not among the faults; an older state of Redis is.
- A crash point is the border of a function, or the moment after its request was sent; the lines between are left to the random kills.
${campaign.skipped.map(({ fault, why }) => `- Skipped on this machine: ${fault}, for ${why}.`).join('\n')}
`
}

function promiseTable({ campaign, heavy }: FullReport): string {
  const all = [...campaign.promises, ...(heavy?.promises ?? [])]
  const rows = all.map((promised) => {
    const sorted = [...promised.measured].sort((a, b) => a - b)
    const show = (value: number | undefined): string =>
      value === undefined ? '' : `${Math.round(value).toLocaleString('en')} ${promised.unit}`
    const at = (q: number): string => show(sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)])
    const least = promised.unit === 'ms' ? 'at most' : 'at least'
    const worst = promised.unit === 'ms' ? sorted.at(-1) : sorted[0]
    return `| ${[promised.name, `${least} ${show(promised.bound)}`, sorted.length, at(0.5), at(0.99), show(worst), isKept(promised) ? 'yes' : '**no**'].join(' | ')} |`
  })
  if (rows.length === 0) return 'Nothing was measured this time.'
  return `| promise | bound | measured | p50 | p99 | worst | kept |\n|---|---|---|---|---|---|---|\n${rows.join('\n')}`
}

function promiseDetails({ heavy }: FullReport): string {
  if (!heavy)
    return '\nThe heavy ones (100,000 waiting jobs, overload) were not run this time: `--promises N`.'
  const lines = heavy.cycles.map(
    ({ fault, detail, violations }) => `- ${fault.name}: ${detail}; ${violations.length} violations`,
  )
  return `\nUnder heavy load, on a platform of its own:\n\n${lines.join('\n')}`
}

/** What a standby lacked is lost by the operator's choice: it is counted, and the ids are in the file that the campaign names. */
function promotions({ cycles, lostByPromotion, overlapsByPromotion }: CampaignReport): string {
  const count = cycles.filter(({ fault }) => fault.name.startsWith('Postgres replaced by a lagging')).length
  if (count === 0) return ''
  return `Promotions of a standby that lagged by 0.5–4 s: ${count}. The new primary had never heard of ${lostByPromotion.length} acknowledged jobs (each was in the dead primary's own
data and not in the standby's; no other job was missing), and had an older state of others: of those ${overlapsByPromotion} were seen to run beside a run that the record had forgotten. A synchronous
standby lacked nothing.`
}

function toRow({ fault, cycles, violated, acknowledged, recoveryMs }: FaultSummary): string {
  const bound = violated > 0 ? 'none' : `${Math.min(100, 300 / cycles).toFixed(cycles > 30 ? 1 : 0)} %`
  const times = [recoveryMs.p50, recoveryMs.p99, recoveryMs.max].map((ms) => `${seconds(ms)} s`)
  return `| ${[fault, cycles, violated, acknowledged, ...times, bound].join(' | ')} |`
}

function violationList(cycles: readonly CycleReport[]): string {
  return cycles
    .flatMap(({ cycle, fault, detail, violations }) =>
      violations
        .slice(0, 3)
        .map(({ invariant, what }) => `- cycle ${cycle}, ${fault.name} (${detail}): ${invariant}: ${what}`),
    )
    .join('\n')
}

function answers({ answers: counts, surprises }: CampaignReport): string {
  const list = [...counts].sort().map(([answer, count]) => `${answer}: ${count}`)
  return `Answers that the driver got: ${list.join(', ')}. Processes that ended unasked and were started again: ${surprises}, at crash points and by watchdogs.`
}

function comparisonTable(comparison: Comparison | undefined): string {
  if (!comparison) return 'Not run this time: `--baseline N`.'
  const { platform, baseline } = comparison
  const rows: [string, keyof Losses][] = [
    ['cycles', 'cycles'],
    ['acknowledged jobs', 'acknowledged'],
    ['acknowledged, and nothing is left of it, neither job nor result', 'lost'],
    ['not ended within the bound', 'stuck'],
    ['ended otherwise than their task', 'wrong'],
    ['ran twice at the same time', 'overlaps'],
    ['effect came to its end more than once', 'repeatedEffects'],
  ]
  const lines = rows.map(([what, name]) => `| ${what} | ${platform[name]} | ${baseline[name]} |`)
  return `| | Noodle | BullMQ alone |\n|---|---|---|\n${lines.join('\n')}`
}

function controlTable(controls: readonly ControlReport[] | undefined): string {
  if (!controls) return 'Not run this time: `npm run faults -- --controls`.'
  const lines = controls.map(({ leavesOut, noticedAt, invariants }) =>
    noticedAt === null
      ? `| ${leavesOut} | **not noticed** | |`
      : `| ${leavesOut} | ${noticedAt} | ${invariants.join(', ')} |`,
  )
  return `| left out | noticed in cycle | by |\n|---|---|---|\n${lines.join('\n')}`
}
