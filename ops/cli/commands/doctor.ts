import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { checkConsumption } from '../doctor/check-consumption.ts'
import { checkGateway } from '../doctor/check-gateway.ts'
import { checkConfig, checkNode, checkPort } from '../doctor/check-process.ts'
import { checkPostgres, checkRedis } from '../doctor/check-stores.ts'
import { type Finding, warning } from '../doctor/finding.ts'
import { findGatewayUrl } from '../session.ts'
import { findStores } from '../stores.ts'
import { coloured } from '../text.ts'

export function addDoctor(program: Command, cli: Cli): void {
  program
    .command('doctor')
    .summary('check this installation, and say how to mend it')
    .description(
      'Checks Node, the configuration, Redis (version, eviction, persistence), Postgres (version, schema, durability, connections), clocks, ports, the gateway, and that each tier has nodes that take its jobs. Exit code 1 when a check fails; warnings do not count.',
    )
    .action(async () => {
      const findings = await examine()
      const failures = findings.filter(({ status }) => status === 'failure').length
      if (failures > 0) cli.fail()
      cli.show({ findings }, () => [...findings.flatMap(findingLines), summaryOf(findings)])
    })
}

async function examine(): Promise<Finding[]> {
  const config = checkConfig()
  // With a wrong configuration the others would look in wrong places.
  if (config.status === 'failure') return [checkNode(process.versions.node), config]
  const { databaseUrl, redisUrl } = findStores()
  const unknown = 'It is not known: no platform of this home runs, and no URL is set.'
  const postgres =
    databaseUrl === undefined
      ? [warning('postgres', unknown, 'Set DATABASE_URL, or start the platform with npm start.')]
      : await checkPostgres(databaseUrl)
  const redis =
    redisUrl === undefined
      ? [warning('redis', unknown, 'Set REDIS_URL, or start the platform with npm start.')]
      : await checkRedis(redisUrl)
  const isFit = [...postgres, ...redis].every(
    ({ status, check }) => status === 'ok' || /connections|clock/.test(check),
  )
  const url = findGatewayUrl()
  const isRunning = databaseUrl !== undefined || url !== undefined
  return [
    checkNode(process.versions.node),
    config,
    ...postgres,
    ...redis,
    isRunning && url !== undefined ? await checkGateway(url) : await checkPort(),
    ...(isFit && databaseUrl !== undefined && redisUrl !== undefined
      ? await checkConsumption({ databaseUrl, redisUrl })
      : []),
  ]
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
