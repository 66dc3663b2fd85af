import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import type { Finding } from '../doctor/finding.ts'
import { coloured } from '../text.ts'

export function addDoctor(program: Command, cli: Cli): void {
  program
    .command('doctor')
    .summary('check this installation, and say how to mend it')
    .description(
      'Checks Node, the configuration, Redis (version, eviction, persistence), Postgres (version, schema, durability, connections), the blob store, clocks, ports, the gateway, that each tier has nodes that take its jobs, and that every accepted job is accounted for. Exit code 1 when a check fails; warnings do not count.',
    )
    .action(async () => {
      const { examine } = await import('../doctor/examine.ts') // other commands need not wait for it
      const findings = await examine()
      const failures = findings.filter(({ status }) => status === 'failure').length
      if (failures > 0) cli.fail()
      cli.show({ findings }, () => [...findings.flatMap(findingLines), summaryOf(findings)])
    })
}

const marks = {
  ok: ['green', 'ok     '],
  warning: ['yellow', 'warning'],
  failure: ['red', 'FAILED '],
} as const

function findingLines({ check, status, message, remedy }: Finding): string[] {
  const [colour, mark] = marks[status]
  return [
    `${coloured(colour, mark)} ${check}: ${message}`,
    ...(remedy === undefined ? [] : [`        ${remedy}`]),
  ]
}

function summaryOf(findings: readonly Finding[]): string {
  const count = (status: Finding['status']): string =>
    String(findings.filter((finding) => finding.status === status).length)
  return `${count('ok')} ok, ${count('warning')} warnings, ${count('failure')} failures`
}
