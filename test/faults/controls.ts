import { type CampaignOptions, runCampaign } from './campaign.ts'
import { usualMix } from './job-kinds.ts'
import { mutants } from './preload/mutants.ts'

/** A campaign that does not notice a missing safeguard within this many cycles proves nothing about it. */
const mostCycles = 50

export interface ControlReport {
  mutant: string
  leavesOut: string
  /** The first cycle that reported something; null when none did. */
  noticedAt: number | null
  /** The invariants that did. */
  invariants: string[]
}

/** Runs each mutant, or the one named, until it is noticed. */
export async function runControls(
  options: Pick<CampaignOptions, 'profile' | 'seed' | 'print'> & { only?: readonly string[] | undefined },
): Promise<ControlReport[]> {
  const reports: ControlReport[] = []
  for (const { name, leavesOut, shownBy, aim } of mutants) {
    if (options.only && !options.only.includes(name)) continue
    options.print(`--- without ${leavesOut} (${name})`)
    const { cycles, folder } = await runCampaign({
      ...options,
      only: aim && [aim.only],
      profile: { ...options.profile, ...(aim && { outageMs: aim.outageMs }) },
      mix: { ...usualMix, ...aim?.mix },
      cycles: mostCycles,
      groups: shownBy,
      env: { NOODLE_MUTANT: name },
      stopAtViolation: true,
      keepFolder: false,
    })
    const noticed = cycles.find(({ violations }) => violations.length > 0)
    const invariants = [...new Set(noticed?.violations.map(({ invariant }) => invariant))].sort()
    reports.push({ mutant: name, leavesOut, noticedAt: noticed?.cycle ?? null, invariants })
    options.print(noticed ? `noticed: ${invariants.join(', ')}` : `NOT NOTICED; see ${folder}`)
  }
  return reports
}
