import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { baselineFaults, runBaseline } from './baseline/run-baseline.ts'
import { type CampaignReport, runCampaign } from './campaign.ts'
import { allFaults, faultGroups } from './faults/all-faults.ts'
import type { FaultGroup } from './faults/fault.ts'
import { type ControlReport, runControls } from './controls.ts'
import { profiles } from './profiles.ts'
import { type Comparison, lossesOf, printPromises, printTable, toMarkdown } from './report.ts'

const usage = `npm run faults -- [options]
  --cycles N        how many faults (default 20)
  --seed S          repeats what is drawn (default: by the clock)
  --profile P       fast (time runs about four times as fast) or real (default fast)
  --group G         only this group, may be given again: ${faultGroups.join(', ')}
  --controls        takes safeguards out of the product one by one, and fails unless each loss is noticed
  --baseline N      after it, so many cycles against the platform and against Express and BullMQ alone, to compare
  --promises N      after it, the promised figures under heavy load, N times each (about 2 min each; twice N cycles)
  --report FILE     writes what was found; with the last --controls of this checkout
  --only TEXT       only faults whose name holds the text, in turn; may be given again. With --controls: only this mutant
`

const controlsFile = join(import.meta.dirname, '../../.noodle/fault-controls.json')

/** Ids of acknowledged jobs that the promoted standbys of the last campaign lacked. */
const lostFile = join(import.meta.dirname, '../../.noodle/fault-lost-jobs.json')

const print = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

const { values } = parseArgs({
  options: {
    cycles: { type: 'string', default: '20' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    profile: { type: 'string', default: 'fast' },
    group: { type: 'string', multiple: true },
    only: { type: 'string', multiple: true },
    controls: { type: 'boolean', default: false },
    baseline: { type: 'string', default: '0' },
    promises: { type: 'string', default: '0' },
    report: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  print(usage)
  process.exit(0)
}

process.once('SIGINT', () => process.exit(130))
process.once('SIGTERM', () => process.exit(143))

const profile = values.profile === 'real' ? profiles.real : profiles.fast
const seed = Number(values.seed)
print(`seed ${seed}, profile ${profile.name}`)
process.exit(values.controls ? await controls() : await campaign())

async function controls(): Promise<number> {
  const reports = await runControls({ profile, seed, print, only: values.only })
  print('')
  for (const { mutant, noticedAt, invariants } of reports)
    print(
      `${mutant.padEnd(18)} ${noticedAt === null ? 'NOT NOTICED' : `cycle ${noticedAt}, ${invariants.join(', ')}`}`,
    )
  writeFileSync(controlsFile, JSON.stringify(reports))
  return reports.every(({ noticedAt }) => noticedAt !== null) ? 0 : 1
}

async function campaign(): Promise<number> {
  const report = await runCampaign({
    profile,
    seed,
    cycles: Number(values.cycles),
    groups: values.group as FaultGroup[] | undefined,
    only: values.only,
    print,
  })
  printTable(report, print)
  const heavyCycles = 2 * Number(values.promises)
  const heavy = heavyCycles > 0 ? await runHeavy(heavyCycles) : undefined
  printPromises([...report.promises, ...(heavy?.promises ?? [])], print)
  if (report.lostByPromotion.length > 0) {
    writeFileSync(lostFile, JSON.stringify(report.lostByPromotion, null, 1))
    print(`${report.lostByPromotion.length} jobs that promoted standbys lacked are listed in ${lostFile}`)
  }
  const comparison = Number(values.baseline) > 0 ? await compare(Number(values.baseline)) : undefined
  if (values.report !== undefined) {
    const full = {
      seed,
      profile: profile.name,
      campaign: report,
      heavy,
      comparison,
      controls: readControls(),
    }
    writeFileSync(values.report, toMarkdown(full))
  }
  const violated = [report, heavy].filter((one) => one && isViolated(one))
  for (const one of violated) print(`Logs, journal and effects are in ${one?.folder ?? ''}`)
  return violated.length > 0 ? 1 : 0
}

function isViolated({ finalViolations, cycles }: CampaignReport): boolean {
  return finalViolations.length > 0 || cycles.some(({ violations }) => violations.length > 0)
}

/** In turn, on a platform of its own: what 100,000 jobs leave behind would count as a leak elsewhere. */
function runHeavy(cycles: number): Promise<CampaignReport> {
  const only = allFaults.filter(({ group }) => group === 'promises').map(({ name }) => name)
  return runCampaign({ profile, seed, cycles, only, print })
}

/** The same faults, as often, in the same order, against both. */
async function compare(cycles: number): Promise<Comparison> {
  const platform = lossesOf(await runCampaign({ profile, seed, cycles, only: baselineFaults, print }))
  const baseline = await runBaseline({ profile, seed, cycles, print })
  print(`Noodle ${JSON.stringify(platform)}\nBullMQ ${JSON.stringify(baseline)}`)
  return { platform, baseline }
}

/** Of the last `--controls` in this checkout. */
function readControls(): ControlReport[] | undefined {
  if (!existsSync(controlsFile)) return undefined
  return JSON.parse(readFileSync(controlsFile, 'utf8')) as ControlReport[]
}
