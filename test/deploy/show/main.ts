/*
 * What the deployment must show, on a real Docker Engine: a fresh clone is brought up by docker-compose.yml, and broken on purpose. Without an engine, or
 * without the base images and a way to get them, it says so and does nothing. `npm run deploy:show -- --help`
 */
import { parseArgs } from 'node:util'
import { freePorts } from './free-ports.ts'
import { openClient } from './client.ts'
import { autoscale } from './autoscale.ts'
import { connections } from './connections.ts'
import { escapes } from './escapes.ts'
import { kills } from './kills.ts'
import { leader } from './leader.ts'
import { rollingRestart } from './rolling-restart.ts'
import { redisRights } from './redis-rights.ts'
import type { Scenario } from './scenario.ts'
import { cloneAndPrepare, findCompose, type Stack } from './stack.ts'
import { tiers } from './tiers.ts'
import { update } from './update.ts'

const scenarios: Record<string, Scenario> = {
  tiers,
  escapes,
  leader,
  kills,
  redisRights,
  update,
  rollingRestart,
  connections,
  autoscale,
}

const usage = `npm run deploy:show -- [SCENARIO…] [options]
  SCENARIO        ${Object.keys(scenarios).join(', ')}; by default all of them
  --minutes N     how long the streams of the scenario connections must live (default 10)
  --rate N        jobs a second under which update and rollingRestart work (default 200)
  --keep          leaves the containers up, and says where
`
const print = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: 'string', default: '10' },
    rate: { type: 'string', default: '200' },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
const chosen = positionals.length > 0 ? positionals : Object.keys(scenarios)
const unknown = chosen.filter((name) => !Object.hasOwn(scenarios, name))
if (values.help || unknown.length > 0) {
  print(unknown.length > 0 ? `There is no scenario ${unknown.join(', ')}.\n${usage}` : usage)
  process.exit(values.help ? 0 : 2)
}

const compose = findCompose()
if (!compose) {
  print(
    'The deployment is not shown (skipped: it needs Docker Engine and Compose; on Debian, apt-get install docker.io docker-compose).',
  )
  print(`0 passed, 0 failed, ${String(chosen.length)} skipped`)
  process.exit(0)
}

let passed = 0
let failed = 0
/** @returns what was seen, undefined when it failed */
async function step(name: string, act: () => Promise<string>): Promise<string | undefined> {
  const startedAt = performance.now()
  const seconds = (): string => `${((performance.now() - startedAt) / 1000).toFixed(0)} s`
  try {
    const seen = await act()
    passed++
    print(`ok     ${name} (${seconds()}): ${seen}`)
    return seen
  } catch (error) {
    failed++
    print(`FAILED ${name} (${seconds()}): ${error instanceof Error ? error.message : String(error)}`)
    return undefined
  }
}

const [http, grpc] = await freePorts(2)
const stack: Stack = await cloneAndPrepare(compose, { http: http ?? 0, grpc: grpc ?? 0 })
let isDown = false
const down = async (): Promise<void> => {
  if (isDown || values.keep) return
  isDown = true
  await stack.down()
}
process.once('SIGINT', () => void down().finally(() => process.exit(130)))
process.once('SIGTERM', () => void down().finally(() => process.exit(143)))
try {
  const up = await step('clean clone, up -d --build', async () => {
    await stack.compose('up', '-d', '--build')
    await stack.untilHealthy(await stack.containers())
    return 'all healthy'
  })
  if (up !== undefined) {
    const client = await openClient(stack.url, stack.adminPassword)
    for (const [name, scenario] of Object.entries(scenarios))
      if (chosen.includes(name))
        await step(name, () =>
          scenario(stack, client, { minutes: Number(values.minutes), perSecond: Number(values.rate) }),
        )
    if (failed > 0) {
      const log = await stack.compose('logs', '--no-color', '--timestamps', 'haproxy')
      const events = log.split('\n').filter((line) => !/ (200|202|304) /.test(line))
      print(`What haproxy noticed:\n${events.slice(-200).join('\n')}`)
    }
    client.close()
  }
} finally {
  await down()
}
if (values.keep)
  print(`The containers are up: ${stack.url}; docker compose down -v in ${stack.folder} ends them.`)
print(`${String(passed)} passed, ${String(failed)} failed`)
process.exitCode = failed > 0 ? 1 : 0
