import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { checkRest } from './at-rest.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { allFaults, groupWeights } from './faults/all-faults.ts'
import type { Fault, FaultGroup } from './faults/fault.ts'
import { compareFootprints, type Footprint, takeFootprint } from './footprint.ts'
import { checkJobs, type Violation } from './invariants.ts'
import type { JobMix } from './job-kinds.ts'
import { type Journal, openJournal } from './journal.ts'
import type { Profile } from './profiles.ts'
import { makePromises, type Promised, type Promises } from './promises.ts'
import { makeRandom, type Random } from './random.ts'
import { seconds } from './seconds.ts'
import { findLive, type JobSnapshot, readJobs } from './snapshot.ts'
import { startWorkload } from './workload.ts'

export interface CampaignOptions {
  profile: Profile
  seed: number
  cycles: number
  /** Only faults of these groups; all without it. */
  groups?: readonly FaultGroup[] | undefined
  /** Only faults whose name is or holds one of these; they are taken in turn, not by chance. */
  only?: readonly string[] | undefined
  /** What the jobs are; by default a bit of everything. */
  mix?: JobMix | undefined
  /** More environment for every process, such as a mutant. */
  env?: Record<string, string> | undefined
  /** Ends after the first cycle with a violation. */
  stopAtViolation?: boolean | undefined
  /** Keeps logs, journal and effects when something was violated; default true. */
  keepFolder?: boolean | undefined
  print: (line: string) => void
}

export interface CycleReport {
  cycle: number
  fault: Fault
  detail: string
  acknowledged: number
  /** Jobs whose effect came to its end more than once: allowed, a run may die between its effect and its record. */
  repeatedEffects: number
  /** From the end of the fault until all jobs accepted before had ended. */
  recoveryMs: number
  /** Of the whole cycle. */
  tookMs: number
  violations: Violation[]
}

export interface CampaignReport {
  cycles: CycleReport[]
  acknowledged: number
  answers: ReadonlyMap<string, number>
  /** Of the whole record, after the last cycle. */
  finalViolations: Violation[]
  footprints: { before: Footprint; after: Footprint } | undefined
  repeatedEffects: number
  surprises: number
  skipped: { fault: string; why: string }[]
  promises: Promised[]
  /** Acknowledged jobs that promoted standbys never heard of, by id. */
  lostByPromotion: string[]
  /** Set back by them, and seen to run twice at the same time. */
  overlapsByPromotion: number
  /** Logs, journal and effects; kept when something was violated. */
  folder: string
}

/** Runs cycles of load, a fault, recovery and checks, on a platform of its own. */
export async function runCampaign(options: CampaignOptions): Promise<CampaignReport> {
  const { profile, cycles, print } = options
  const random = makeRandom(options.seed)
  const { able, skipped } = chooseFaults(options)
  for (const { fault, why } of skipped) print(`skipped: ${fault}, for ${why}`)
  const cluster = await startCluster(profile, options.env)
  const journal = openJournal(join(cluster.folder, 'journal.ndjson'))
  const reports: CycleReport[] = []
  const promises = makePromises()
  let hasViolation = true
  try {
    let before: Footprint | undefined
    const run = async (cycle: number, fault: Fault): Promise<CycleReport> => {
      const report = await runCycle({
        cluster,
        journal,
        promises,
        profile,
        random: random.fork(),
        mix: options.mix ?? fault.mix,
        fault,
        cycle,
      })
      reports.push(report)
      print(lineOf(report, cycles))
      keepViolations(cluster, report)
      return report
    }
    for (let cycle = 1; cycle <= cycles; cycle++) {
      const inTurn = options.only && able[(cycle - 1) % able.length]
      const report = await run(cycle, inTurn ?? drawFault(able, random))
      if (options.stopAtViolation && report.violations.length > 0) break
      if (cycle === Math.min(3, cycles)) before = await takeFootprint(cluster)
    }
    const jobs = await readJobs(cluster.stores.sql, { effectLog: cluster.effectLog })
    const finalViolations = checkJobs(jobs, journal)
    const after = before && (await takeFootprint(cluster))
    if (before && after) finalViolations.push(...compareFootprints(before, after))
    for (const { invariant, what } of finalViolations.slice(0, 20)) print(`at the end: ${invariant}: ${what}`)
    hasViolation = finalViolations.length > 0 || reports.some(({ violations }) => violations.length > 0)
    return {
      cycles: reports,
      acknowledged: journal.accepted.size,
      answers: journal.answers,
      finalViolations,
      footprints: before && after && { before, after },
      repeatedEffects: countRepeated(jobs),
      surprises: cluster.surprises(),
      skipped,
      promises: promises.list(),
      lostByPromotion: [...journal.lost].filter((id) => journal.accepted.has(id)),
      overlapsByPromotion: [...journal.setBack].filter((id) => isOverlapping(jobs.get(id))).length,
      folder: cluster.folder,
    }
  } finally {
    await journal.close()
    await cluster.close({ keepFolder: hasViolation && (options.keepFolder ?? true) })
  }
}

function chooseFaults({ groups, only }: CampaignOptions): {
  able: Fault[]
  skipped: CampaignReport['skipped']
} {
  const wanted = allFaults.filter(
    (fault) =>
      (groups?.includes(fault.group) ?? (only !== undefined || groupWeights[fault.group] > 0)) &&
      (!only || only.some((text) => isMeant(fault, text))),
  )
  const skipped = wanted.flatMap((fault) => {
    const why = fault.missing?.()
    return why === undefined ? [] : [{ fault: fault.name, why }]
  })
  const able = wanted.filter(({ name }) => !skipped.some(({ fault }) => fault === name))
  if (able.length === 0) throw new Error('No fault is left to draw from.')
  return { able, skipped }
}

/** By its whole name, or by a part that is no other's whole name. */
function isMeant(fault: Fault, text: string): boolean {
  return allFaults.some(({ name }) => name === text) ? fault.name === text : fault.name.includes(text)
}

/** A group by its weight, then a fault of the group. */
function drawFault(able: readonly Fault[], random: Random): Fault {
  const groups = [...new Set(able.map(({ group }) => group))]
  const urn = groups.flatMap((group) => Array<FaultGroup>(Math.max(1, groupWeights[group])).fill(group))
  const drawn = random.pick(urn)
  return random.pick(able.filter(({ group }) => group === drawn))
}

interface Cycle {
  cluster: Cluster
  journal: Journal
  promises: Promises
  profile: Profile
  random: Random
  mix: JobMix | undefined
  fault: Fault
  cycle: number
}

async function runCycle({
  cluster,
  journal,
  promises,
  profile,
  random,
  mix,
  fault,
  cycle,
}: Cycle): Promise<CycleReport> {
  const startedMs = performance.now()
  const violations: Violation[] = []
  const details: string[] = []
  const looks: ((jobs: ReadonlyMap<string, JobSnapshot>) => void)[] = []
  const offencesBefore = journal.offences.length
  const acceptedBefore = journal.accepted.size
  const workload = startWorkload(cluster, journal, random.fork(), { cycle, mix })
  await sleep(random.between(300, 1200))
  try {
    await fault.strike({
      cluster,
      profile,
      random,
      workload,
      journal,
      promises,
      tell: (detail) => details.push(detail),
      afterwards: (look) => looks.push(look),
    })
  } catch (error) {
    violations.push({ invariant: 'fault', what: error instanceof Error ? error.message : String(error) })
  }
  const healedAt = Date.now()
  await sleep(random.between(300, 1000))
  await workload.stop(profile.answerBoundMs)

  await untilDrained(cluster, profile.drainBoundMs)
  violations.push(...(await checkRest(cluster, profile.restBoundMs)))
  const jobs = await readJobs(cluster.stores.sql, { cycle, effectLog: cluster.effectLog })
  for (const violation of checkJobs(jobs, journal, cycle)) violations.push(violation) // too many to be arguments
  for (const { invariant, what, jobId } of journal.offences.slice(offencesBefore)) {
    const isForgiven = jobId !== null && (journal.lost.has(jobId) || journal.setBack.has(jobId))
    if (!isForgiven) violations.push({ invariant, what })
  }
  for (const look of looks) look(jobs)
  return {
    cycle,
    fault,
    detail: details.join(', '),
    acknowledged: journal.accepted.size - acceptedBefore,
    recoveryMs: await measureRecovery(cluster, cycle, healedAt),
    repeatedEffects: countRepeated(jobs),
    tookMs: performance.now() - startedMs,
    violations,
  }
}

/** True when a run went on after a later one had begun. */
function isOverlapping(job: JobSnapshot | undefined): boolean {
  let newest = 0
  return (job?.effects ?? []).some(({ fence }) => {
    const isOlder = fence < newest
    newest = Math.max(newest, fence)
    return isOlder
  })
}

function countRepeated(jobs: ReadonlyMap<string, JobSnapshot>): number {
  const ends = ({ effects }: JobSnapshot): number => effects.filter(({ phase }) => phase === 'end').length
  return [...jobs.values()].filter((job) => ends(job) > 1).length
}

/** What has not ended by then is reported by I2. */
async function untilDrained({ stores: { sql } }: Cluster, boundMs: number): Promise<void> {
  const deadline = performance.now() + boundMs
  while (performance.now() < deadline) {
    const live = await findLive(sql).catch(() => null)
    if (live?.length === 0) return
    await sleep(100)
  }
}

/** By Postgres' clock, which on this machine is ours. Jobs that wait for a time of their own don't count. */
async function measureRecovery(
  { stores: { sql } }: Cluster,
  cycle: number,
  healedAt: number,
): Promise<number> {
  const { rows } = await sql.query<{ last: Date | null }>(
    `SELECT max(finished_at) AS last FROM jobs
     WHERE labels @> $1 AND labels->>'kind' NOT IN ('delayed', 'expiring') AND created_at < $2`,
    [{ cycle: String(cycle) }, new Date(healedAt)],
  )
  return Math.max(0, (rows[0]?.last?.getTime() ?? healedAt) - healedAt)
}

function lineOf(report: CycleReport, cycles: number): string {
  const { cycle, fault, detail, acknowledged, recoveryMs, tookMs, violations } = report
  const head = `${String(cycle).padStart(String(cycles).length)}/${cycles} ${fault.name}${detail ? ` (${detail})` : ''}`
  const tail = `${acknowledged} jobs, whole again after ${seconds(recoveryMs)} s, in all ${seconds(tookMs)} s`
  const shown = violations.slice(0, 10).map(({ invariant, what }) => `\n      ${invariant}: ${what}`)
  return violations.length === 0
    ? `ok   ${head}: ${tail}`
    : `FAIL ${head}: ${tail}, ${violations.length} violations${shown.join('')}`
}

/** With the events and effects of their jobs, for whoever looks for the cause. */
function keepViolations({ folder }: Cluster, { cycle, fault, detail, violations }: CycleReport): void {
  if (violations.length === 0) return
  const to = join(folder, 'violations')
  mkdirSync(to, { recursive: true })
  const text = JSON.stringify({ fault: fault.name, detail, violations }, null, 2)
  writeFileSync(join(to, `cycle-${cycle}.json`), text)
}
