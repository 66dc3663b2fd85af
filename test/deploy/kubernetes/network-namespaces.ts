import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from '@jest/globals'
import { cleanUp } from '../../support/clean-up.ts'
import type { Endpoint } from './network-policy.ts'
import { targets, sources } from './network-places.ts'
import type { Verdicts } from './network-table.ts'

const missing = whatIsMissing()

/** `test` for what makes networks of its own; skipped, and said to be, where it may not. */
export const liveNetworkTest = missing === null ? test : test.skip
if (missing !== null) test.skip(`live networks (skipped: they need ${missing})`, () => undefined)

/** A machine each for the places, in a network namespace of its own, all on one bridge that leads nowhere else. Gone at the end of the file. */
export async function openNetwork(places: Map<string, Endpoint>) {
  const prefix = `noodle-${String(process.pid)}-`
  const hub = `${prefix}hub`
  const machines = [...places.values()].map((endpoint, i) => ({
    endpoint,
    namespace: `${prefix}${String(i)}`,
    i,
  }))
  const children: ChildProcess[] = []
  cleanUp(async () => {
    await Promise.all(children.map(stop))
    run(
      'ip',
      ['-batch', '-', '-force'],
      [hub, ...machines.map(({ namespace }) => namespace)].map((name) => `netns del ${name}`),
    )
  })
  run(
    'ip',
    ['-batch', '-'],
    [
      ...[hub, ...machines.map(({ namespace }) => namespace)].map((name) => `netns add ${name}`),
      ...machines.map(
        ({ namespace, i }) =>
          `link add p${String(i)} netns ${hub} type veth peer name eth0 netns ${namespace}`,
      ),
    ],
  )
  run(
    'ip',
    ['-n', hub, '-batch', '-'],
    [
      'link add bridge type bridge',
      'link set bridge up',
      ...machines.flatMap(({ i }) => [`link set p${String(i)} master bridge`, `link set p${String(i)} up`]),
    ],
  )
  for (const { endpoint, namespace } of machines)
    run(
      'ip',
      ['-n', namespace, '-batch', '-'],
      [
        'link set lo up',
        'link set eth0 up',
        `addr add ${endpoint.ip}/32 dev eth0`,
        'route add default dev eth0', // each asks for each on the bridge: there are no routers here
      ],
    )

  const agents = new Map<string, Agent>()
  await Promise.all(
    machines.map(async ({ endpoint: { name }, namespace }) => {
      const ports = (protocol: string) => [
        ...new Set(
          targets
            .filter((target) => target.at === name && target.protocol === protocol)
            .map(({ port }) => port),
        ),
      ]
      const listen = JSON.stringify({ tcp: ports('TCP'), udp: ports('UDP') })
      const words = [
        'netns',
        'exec',
        namespace,
        process.execPath,
        join(import.meta.dirname, 'network-agent.ts'),
        listen,
      ]
      const child = spawn('ip', words, { stdio: ['pipe', 'pipe', 'inherit'] })
      children.push(child)
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
      await lines.next()
      agents.set(name, async (connections) => {
        child.stdin.write(`${JSON.stringify(connections)}\n`)
        const { value } = (await lines.next()) as { value: string }
        return JSON.parse(value) as string[]
      })
    }),
  )

  return {
    /** Gives each machine its rules, in place of those that it had. */
    setFilters(filterOf: (endpoint: Endpoint) => string): void {
      for (const { endpoint, namespace } of machines)
        execFileSync('ip', ['netns', 'exec', namespace, 'iptables-restore'], {
          input: filterOf(endpoint),
          stdio: ['pipe', 'ignore', 'pipe'],
        })
    },

    /** Each source tries each target. @throws Error for a connection that was neither made nor refused */
    async tryAll(): Promise<Verdicts> {
      const rows = await Promise.all(
        sources.map(async (source) => {
          const connections = targets.map(({ at, port, protocol }) => ({
            ip: places.get(at)?.ip,
            port,
            protocol,
          }))
          const outcomes = (await agents.get(source)?.(connections)) ?? []
          return [
            source,
            Object.fromEntries(
              targets.map(({ name }, i) => [name, isMade(outcomes[i], `${source} to ${name}`)]),
            ),
          ] as const
        }),
      )
      return Object.fromEntries(rows)
    },
  }
}

type Agent = (connections: object[]) => Promise<string[]>

function isMade(outcome: string | undefined, what: string): boolean {
  if (outcome !== 'permitted' && outcome !== 'refused') throw new Error(`${what}: ${outcome ?? 'nothing'}`)
  return outcome === 'permitted'
}

function run(program: string, words: string[], lines: string[]): void {
  execFileSync(program, words, { input: `${lines.join('\n')}\n`, stdio: ['pipe', 'ignore', 'pipe'] })
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await gone
}

function whatIsMissing(): string | null {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'Linux, and root'
  const probe = `noodle-probe-${String(process.pid)}`
  try {
    execFileSync('ip', ['netns', 'add', probe], { stdio: 'ignore' })
  } catch {
    return 'network namespaces; on Debian, apt-get install iproute2'
  }
  try {
    const rule =
      '*filter\n-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT\n-A INPUT -j REJECT\nCOMMIT\n'
    execFileSync('ip', ['netns', 'exec', probe, 'iptables-restore'], {
      input: rule,
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    return null
  } catch {
    return 'iptables with conntrack; on Debian, apt-get install iptables'
  } finally {
    execFileSync('ip', ['netns', 'del', probe])
  }
}
