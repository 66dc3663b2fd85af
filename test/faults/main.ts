import { parseArgs } from 'node:util'
import { runCampaign } from './campaign.ts'
import { faultGroups } from './faults/all-faults.ts'
import type { FaultGroup } from './faults/fault.ts'
import { profiles } from './profiles.ts'
import { printTable } from './report.ts'

const usage = `npm run faults -- [options]
  --cycles N        how many faults (default 20)
  --seed S          repeats what is drawn (default: by the clock)
  --profile P       fast (time runs about four times as fast) or real (default fast)
  --group G         only this group, may be given again: ${faultGroups.join(', ')}
  --only TEXT       only faults whose name holds the text
`

const print = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

const { values } = parseArgs({
  options: {
    cycles: { type: 'string', default: '20' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    profile: { type: 'string', default: 'fast' },
    group: { type: 'string', multiple: true },
    only: { type: 'string' },
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
const report = await runCampaign({
  profile,
  seed,
  cycles: Number(values.cycles),
  groups: values.group as FaultGroup[] | undefined,
  only: values.only,
  print,
})
printTable(report, print)
const violations =
  report.finalViolations.length + report.cycles.filter((cycle) => cycle.violations.length > 0).length
if (violations > 0) print(`Logs, journal and effects are in ${report.folder}`)
process.exitCode = violations > 0 ? 1 : 0
