import { execFile, execFileSync } from 'node:child_process'
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)
const root = join(import.meta.dirname, '../../..')

export interface Container {
  id: string
  name: string
  service: string
}

/** The compose project of a fresh clone of this repository's last commit, under a name and on ports of its own. */
export interface Stack {
  folder: string
  /** Its name, as Compose labels containers. */
  project: string
  url: string
  adminPassword: string
  /** The images that it runs by, each once. */
  images(): Promise<string[]>
  compose(...args: string[]): Promise<string>
  docker(...args: string[]): Promise<string>
  /** Those that run, of all services or of one. */
  containers(service?: string): Promise<Container[]>
  /** Resolves when each of them is healthy. */
  untilHealthy(containers: readonly Container[]): Promise<void>
  down(): Promise<void>
}

/** The commands that speak to Compose here, v2 first; undefined where there is none, or no engine. */
export function findCompose(): string[] | undefined {
  const works = (command: string, ...args: string[]): boolean => {
    try {
      execFileSync(command, args, { stdio: 'ignore' })
      return true
    } catch {
      return false
    }
  }
  if (!works('docker', 'version')) return undefined
  return [['docker', 'compose'], ['docker-compose']].find(([command = '', ...args]) =>
    works(command, ...args, 'version'),
  )
}

/** How long containers may take to come up on a machine that does much else. */
const healthyMs = 180_000

export async function cloneAndPrepare(
  compose: readonly string[],
  ports: { http: number; grpc: number },
  settings: Record<string, string> = {},
): Promise<Stack> {
  const folder = mkdtempSync(join(tmpdir(), 'noodle-show-'))
  await run('git', ['clone', '--quiet', '--depth', '1', `file://${root}`, join(folder, 'noodle')])
  const checkout = join(folder, 'noodle')
  await run(join(checkout, 'scripts/make-secrets'))
  const chosen = {
    NOODLE_PORT: `127.0.0.1:${String(ports.http)}`,
    NOODLE_GRPC_PORT: `127.0.0.1:${String(ports.grpc)}`,
    COMPOSE_PROJECT_NAME: `noodle-show-${String(process.pid)}`,
    ...settings,
  }
  for (const [name, value] of Object.entries(chosen))
    appendFileSync(join(checkout, '.env'), `${name}=${value}\n`)
  const command = async (program: string, args: string[]): Promise<string> =>
    (await run(program, args, { cwd: checkout, maxBuffer: 268_435_456 })).stdout
  const docker = (...args: string[]): Promise<string> => command('docker', args)
  const [program = '', ...words] = compose

  const stack: Stack = {
    folder: checkout,
    project: chosen.COMPOSE_PROJECT_NAME,
    url: `http://127.0.0.1:${String(ports.http)}`,
    adminPassword: readFileSync(join(checkout, 'secrets/admin_password'), 'utf8'),
    docker,
    compose: (...args) => command(program, [...words, ...args]),
    async images() {
      const ids = (await stack.containers()).map(({ id }) => id)
      return [...new Set((await docker('inspect', '--format', '{{.Image}}', ...ids)).trim().split('\n'))]
    },
    async containers(service) {
      const label = 'com.docker.compose'
      const lines = await docker(
        'ps',
        '--no-trunc',
        '--filter',
        `label=${label}.project=${chosen.COMPOSE_PROJECT_NAME}`,
        '--format',
        `{{.ID}} {{.Names}} {{.Label "${label}.service"}}`,
      )
      return lines
        .trim()
        .split('\n')
        .filter(Boolean)
        .map((line) => {
          const [id = '', name = '', of = ''] = line.split(' ')
          return { id, name, service: of }
        })
        .filter((container) => service === undefined || container.service === service)
    },
    async untilHealthy(containers) {
      const giveUpAt = performance.now() + healthyMs
      for (;;) {
        const states = (
          await docker('inspect', '--format', '{{.State.Health.Status}}', ...containers.map(({ id }) => id))
        )
          .trim()
          .split('\n')
        if (states.every((state) => state === 'healthy')) return
        if (performance.now() > giveUpAt)
          throw new Error(
            `Not healthy: ${containers.map(({ name }, i) => `${name} ${String(states[i])}`).join(', ')}`,
          )
        await sleep(250)
      }
    },
    async down() {
      await stack.compose('down', '--volumes', '--remove-orphans', '--timeout', '5')
      rmSync(folder, { recursive: true, force: true })
    },
  }
  return stack
}
