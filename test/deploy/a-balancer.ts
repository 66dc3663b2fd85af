import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { delimiter, join } from 'node:path'
import { test } from '@jest/globals'
import { cleanUp } from '../support/clean-up.ts'
import { freePort } from '../support/platform.ts'
import { waitFor } from '../support/wait-for.ts'
import { startNameServer } from './a-name-server.ts'

const folder = join(import.meta.dirname, '../../deploy/haproxy')
export const haproxy = findHaproxy()

/** `test` for what needs the real haproxy; skipped, and said to be, where there is none. */
export const balancerTest = haproxy === undefined ? test.skip : test
if (haproxy === undefined)
  test.skip('the load balancer (skipped: it needs haproxy; on Debian, apt-get install haproxy)', () =>
    undefined)

export interface BalancedNode {
  address: string
  child: ChildProcess
  /** Changes how it behaves. @returns how many requests it had at once at most, since it was last told something */
  tell(what: { healthMs?: number; health?: number; diesOnPost?: boolean; holds?: boolean }): Promise<number>
}

export interface Balancer {
  port: number
  grpcPort: number
  nodes: BalancedNode[]
  /** Puts a new process in the place of a node that has died. */
  replace(node: BalancedNode): Promise<void>
  /** How many nodes requests are sent to. */
  active(): Promise<number>
  /** A figure of haproxy's own, summed over its lines with these labels. */
  figure(name: string, labels?: string): Promise<number>
}

/** The balancer as it is deployed, before nodes on addresses of the loopback network that a name server tells it. All ends with the test. */
export async function startBalancer(
  size: number,
  settings: Record<string, string> = {},
  files: readonly string[] = ['haproxy.cfg'],
): Promise<Balancer> {
  const [nodePort, nodeGrpcPort, port, statusPort, grpcPort] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ]
  const nodes = await Promise.all(
    Array.from({ length: size }, (_, i) => startNode(`127.0.0.${String(i + 2)}`, nodePort, nodeGrpcPort)),
  )
  const nameServer = await startNameServer(() => nodes.map(({ address }) => address))
  const child = spawn(haproxy ?? '', ['-db', ...files.flatMap((file) => ['-f', join(folder, file)])], {
    env: {
      NOODLE_DNS: `127.0.0.1:${String(nameServer)}`,
      NOODLE_HTTP_BIND: `127.0.0.1:${String(port)}`,
      NOODLE_GRPC_BIND: `127.0.0.1:${String(grpcPort)}`,
      NOODLE_STATUS_BIND: `127.0.0.1:${String(statusPort)}`,
      NOODLE_GATE: `abns@noodle-test-${String(port)}`,
      NOODLE_MASTERS: `master:${String(nodePort)}`,
      NOODLE_GRPC_MASTERS: `master:${String(nodeGrpcPort)}`,
      NOODLE_HEALTH_PORT: String(nodePort),
      ...settings,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output = (output + text).slice(-10_000)))
  const exited = once(child, 'exit')
  cleanUp(async () => {
    child.kill('SIGKILL')
    await exited
  })

  const metrics = async (): Promise<string> =>
    (await fetch(`http://127.0.0.1:${String(statusPort)}/metrics`)).text()
  const balancer: Balancer = {
    port,
    grpcPort,
    nodes,
    async replace(node) {
      nodes[nodes.indexOf(node)] = await startNode(node.address, nodePort, nodeGrpcPort)
    },
    active: () => balancer.figure('haproxy_backend_active_servers', 'proxy="masters"'),
    async figure(name, labels = '') {
      return (await metrics())
        .split('\n')
        .filter((line) => line.startsWith(`${name}{`) && line.includes(labels))
        .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
    },
  }
  await waitFor(async () => (await balancer.active()) === size, {
    what: `haproxy to know its nodes: ${output}`,
  })
  return balancer
}

async function startNode(address: string, port: number, grpcPort: number): Promise<BalancedNode> {
  const child = fork(join(import.meta.dirname, 'a-node.ts'), [address, String(port), String(grpcPort)], {
    execArgv: [],
  })
  cleanUp(() => child.kill('SIGKILL'))
  await once(child, 'message')
  return {
    address,
    child,
    async tell(what) {
      child.send(what)
      const [{ mostOpen }] = (await once(child, 'message')) as [{ mostOpen: number }]
      return mostOpen
    },
  }
}

export interface Answer {
  status: number
  headers: IncomingMessage['headers']
  body: string
}

/** One request over a connection of its own. */
export async function ask(
  port: number,
  path: string,
  options: { method?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const response = await open(port, path, options)
  let body = ''
  for await (const chunk of response.setEncoding('utf8')) body += chunk as string
  return { status: response.statusCode ?? 0, headers: response.headers, body }
}

/** One request over a connection of its own, whose answer goes on. */
export async function open(
  port: number,
  path: string,
  options: { method?: string; headers?: Record<string, string> } = {},
): Promise<IncomingMessage> {
  const sent = request({ host: '127.0.0.1', port, path, agent: false, ...options }).end()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  return response
}

function findHaproxy(): string | undefined {
  return [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin']
    .map((folder) => join(folder, 'haproxy'))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}
