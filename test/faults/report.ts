import type { CampaignReport, CycleReport } from './campaign.ts'
import { seconds } from './seconds.ts'

export interface FaultSummary {
  fault: string
  cycles: number
  violated: number
  acknowledged: number
  recoveryMs: { p50: number; p99: number; max: number }
}

export function summarise(cycles: readonly CycleReport[]): FaultSummary[] {
  const names = [...new Set(cycles.map(({ fault }) => fault.name))].sort()
  return names.map((fault) => {
    const own = cycles.filter((cycle) => cycle.fault.name === fault)
    return { fault, ...sumUp(own) }
  })
}

export function sumUp(cycles: readonly CycleReport[]): Omit<FaultSummary, 'fault'> {
  const recoveries = cycles.map(({ recoveryMs }) => recoveryMs).sort((a, b) => a - b)
  const quantile = (q: number): number => recoveries[Math.ceil(q * recoveries.length) - 1] ?? 0
  return {
    cycles: cycles.length,
    violated: cycles.filter(({ violations }) => violations.length > 0).length,
    acknowledged: cycles.reduce((sum, cycle) => sum + cycle.acknowledged, 0),
    recoveryMs: { p50: quantile(0.5), p99: quantile(0.99), max: recoveries.at(-1) ?? 0 },
  }
}

export function printTable(report: CampaignReport, print: (line: string) => void): void {
  const rows = [...summarise(report.cycles), { fault: 'all', ...sumUp(report.cycles) }]
  const width = Math.max(...rows.map(({ fault }) => fault.length))
  print('')
  print(`${'fault'.padEnd(width)}  cycles  violated   jobs  recovery p50   p99   max (s)`)
  for (const { fault, cycles, violated, acknowledged, recoveryMs } of rows) {
    const { p50, p99, max } = recoveryMs
    print(
      `${fault.padEnd(width)}  ${String(cycles).padStart(6)}  ${String(violated).padStart(8)}  ${String(acknowledged).padStart(5)}  ` +
        `${seconds(p50).padStart(12)}  ${seconds(p99).padStart(4)}  ${seconds(max).padStart(4)}`,
    )
  }
}
