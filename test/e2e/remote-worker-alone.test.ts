import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { cleanUp } from '../support/clean-up.ts'
import { jwtSecret, startPlatform } from '../support/platform.ts'
import { waitFor } from '../support/wait-for.ts'

const patience = { timeoutMs: 30_000 }
const mayMakeNamespaces = canMakeNamespaces()

/** `test` where network and process namespaces can be had: as root, on Linux. */
const namespaceTest = mayMakeNamespaces ? test : test.skip
if (!mayMakeNamespaces)
  test.skip('a node on a network of its own (skipped: it needs root, ip and unshare)', () => undefined)

function canMakeNamespaces(): boolean {
  try {
    execFileSync('unshare', ['--net', '--pid', '--fork', '--mount-proc', 'ip', 'link'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

const pieceBytes = 8_388_608

/** Which of the texts stand somewhere in what a process may write of its memory. */
function memoryHolds(pid: number, texts: readonly string[]): boolean[] {
  const found = texts.map(() => false)
  const memory = openSync(`/proc/${String(pid)}/mem`, 'r')
  try {
    for (const line of readFileSync(`/proc/${String(pid)}/maps`, 'utf8').split('\n')) {
      const [, from = '0', to = '0'] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? []
      for (let at = parseInt(from, 16); at < parseInt(to, 16); at += pieceBytes) {
        const piece = Buffer.alloc(Math.min(pieceBytes + 1024, parseInt(to, 16) - at))
        try {
          readSync(memory, piece, 0, piece.length, at)
        } catch {
          continue // gone meanwhile
        }
        texts.forEach((text, i) => {
          found[i] ||= piece.includes(text)
        })
      }
    }
  } finally {
    closeSync(memory)
  }
  return found
}

/** A worker on a network that leads to this machine's gateways only, and that sees no process but its own. */
async function startAlone(env: Record<string, string>) {
  const name = `nd${String(process.pid)}`.slice(0, 12)
  const subnet = `10.213.${String(process.pid % 256)}`
  const main = join(import.meta.dirname, '../../workers/main.ts')
  const child = spawn(
    'unshare',
    [
      '--net',
      '--pid',
      '--fork',
      '--mount-proc',
      '--kill-child',
      'sh',
      '-c',
      'read go; exec "$0" "$1"',
      process.execPath,
      main,
    ],
    {
      env: { PATH: process.env['PATH'], ...env, MASTER_HOST: `${subnet}.1:${env['MASTER_PORT'] ?? ''}` },
      stdio: ['pipe', 'pipe', 'pipe', 'ipc'],
    },
  )
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => (output += text))
  const ready = once(child, 'message', { signal: AbortSignal.timeout(patience.timeoutMs) })
  const inner = await waitFor(() => childOf(child.pid ?? 0))
  cleanUp(async () => {
    const exited = once(child, 'exit')
    process.kill(inner, 'SIGTERM')
    await exited // its end of the link goes with it, and so the other one
  })
  const ip = (...args: string[]): void => void execFileSync('ip', args)
  const within = (...args: string[]): void =>
    void execFileSync('nsenter', ['--net', '--target', String(inner), 'ip', ...args])
  ip('link', 'add', `${name}a`, 'type', 'veth', 'peer', 'name', `${name}b`)
  ip('link', 'set', `${name}b`, 'netns', String(inner))
  ip('addr', 'add', `${subnet}.1/30`, 'dev', `${name}a`)
  ip('link', 'set', `${name}a`, 'up')
  within('addr', 'add', `${subnet}.2/30`, 'dev', `${name}b`)
  within('link', 'set', `${name}b`, 'up')
  within('link', 'set', 'lo', 'up')
  child.stdin?.end('go\n')
  await ready.catch(() => {
    throw new Error(`The worker did not start:\n${output}`)
  })
  return { pid: inner, output: () => output }
}

/** The process that another one has started. */
function childOf(pid: number): number | undefined {
  const text = readFileSync(`/proc/${String(pid)}/task/${String(pid)}/children`, 'utf8').trim()
  return text === '' ? undefined : Number(text.split(' ')[0])
}

namespaceTest(
  'a node from which no store can be reached runs jobs, and nothing of it holds a credential of theirs',
  async () => {
    const platform = await startPlatform({ HOST: '0.0.0.0' })
    const node = await startAlone({
      MASTER_PORT: platform.grpcAddress.split(':')[1] ?? '',
      AUTH_JWT_SECRET: jwtSecret,
      TASK_COMMAND_ALLOW: 'sh',
      LOG_FORMAT: 'console',
      DRAIN_DEADLINE_MS: '800',
    })
    const token = await platform.token()
    const reach = [platform.env['DATABASE_URL'] ?? '', platform.env['REDIS_URL'] ?? ''].map((url) => {
      const { port } = new URL(url)
      return `(exec 3<>/dev/tcp/127.0.0.1/${port}) 2>/dev/null && echo reached`
    })
    for (const script of reach)
      expect(() =>
        execFileSync('nsenter', ['--net', '--target', String(node.pid), 'bash', '-c', script]),
      ).toThrow()
    const large = 'x'.repeat(200_000)
    for (const job of [
      { task: 'echo', payload: { large } },
      { task: 'command', payload: { argv: ['sh', '-c', 'echo alone'] } },
    ]) {
      const { body } = await platform.call('POST', '/v1/jobs', { token, body: job })
      const ended = await waitFor(async () => {
        const { body: seen } = await platform.call('GET', `/v1/jobs/${body.id as string}`, { token })
        return seen.finishedAt && seen
      }, patience)
      expect(ended).toMatchObject({ state: 'succeeded' })
    }
    const passwords = [platform.env['DATABASE_URL'] ?? '', platform.env['REDIS_URL'] ?? ''].map(
      (url) => new URL(url).password,
    )
    const environ = readFileSync(`/proc/${String(node.pid)}/environ`, 'utf8')
    expect(environ).not.toMatch(/DATABASE_URL|REDIS_URL|postgres:|redis:/)
    expect(memoryHolds(node.pid, passwords)).toEqual(passwords.map(() => false))
    // So that it would have been seen.
    expect(memoryHolds(platform.gateway.child.pid ?? 0, passwords)).toEqual(passwords.map(() => true))
  },
  90_000,
)
