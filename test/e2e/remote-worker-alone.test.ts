import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { listDescendants, readEnvironment, readStat } from '../../workers/executors/proc.ts'
import { cleanUp } from '../support/clean-up.ts'
import { jwtSecret, startPlatform } from '../support/platform.ts'
import { waitFor } from '../support/wait-for.ts'

const patience = { timeoutMs: 30_000 }
const mayMakeNamespaces = canMakeNamespaces()

if (!mayMakeNamespaces)
  test.skip('that it can not reach them, nor has them in memory (skipped: namespaces of its own need root, ip and unshare)', () =>
    undefined)

/** As all other tests of it look into /proc, this one is for Linux. */
const linuxTest = process.platform === 'linux' ? test : test.skip

function canMakeNamespaces(): boolean {
  try {
    execFileSync('unshare', ['--net', '--pid', '--fork', '--mount-proc', 'ip', 'link'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

const pieceBytes = 8_388_608

/** Which of the texts stand somewhere in the memory of a process; files that it only maps to read, such as its program, left out. */
function memoryHolds(pid: number, texts: readonly string[]): boolean[] {
  const found = texts.map(() => false)
  const memory = openSync(`/proc/${String(pid)}/mem`, 'r')
  try {
    for (const line of readFileSync(`/proc/${String(pid)}/maps`, 'utf8').split('\n')) {
      const [, from = '0', to = '0'] = /^([0-9a-f]+)-([0-9a-f]+) (?:rw|r.*\S 0 *(?:\[|$))/.exec(line) ?? []
      for (let at = parseInt(from, 16); at < parseInt(to, 16); at += pieceBytes) {
        const piece = Buffer.alloc(Math.min(pieceBytes + 1024, parseInt(to, 16) - at))
        try {
          readSync(memory, piece, 0, piece.length, at)
        } catch {
          continue // gone meanwhile, or the kernel's own
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

/** All that a process has open or mapped by a name, as /proc tells it; nothing of one that is gone. */
function filesOf(pid: number): string[] {
  const proc = `/proc/${String(pid)}`
  try {
    const open = readdirSync(`${proc}/fd`).map((fd) => readlinkSync(`${proc}/fd/${fd}`))
    const mapped = readFileSync(`${proc}/maps`, 'utf8').matchAll(/ (\/.+)$/gm)
    return [...new Set([...open, ...[...mapped].map(([, path = '']) => path)])]
  } catch {
    return 'ZX'.includes(readStat(pid)?.state ?? 'X') ? [] : filesOf(pid) // something was closed meanwhile
  }
}

/** The ports that a process has connections to. */
function portsReached(pid: number): Set<number> {
  const sockets = new Set(filesOf(pid).map((name) => /^socket:\[(\d+)\]$/.exec(name)?.[1]))
  const lines = ['tcp', 'tcp6'].flatMap((name) =>
    readFileSync(`/proc/${String(pid)}/net/${name}`, 'utf8')
      .trim()
      .split('\n')
      .slice(1),
  )
  const own = lines
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode]) => state === established && sockets.has(inode))
  return new Set(own.map(([, , remote = '']) => parseInt(remote.split(':')[1] ?? '', 16)))
}

const established = '01'

/** From the network of a process. */
function canReach(pid: number, host: string, port: string): boolean {
  const open = ['bash', '-c', `exec 3<>/dev/tcp/${host}/${port}`]
  try {
    execFileSync('nsenter', ['--net', '--target', String(pid), ...open], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

const holdsOne = (path: string, texts: readonly string[]): boolean => {
  const content = readFileSync(path)
  return texts.some((text) => content.includes(text))
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
      cwd: env['HOME'],
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
  return { pid: inner, gatewayHost: `${subnet}.1` }
}

/** The process that another one has started. */
function childOf(pid: number): number | undefined {
  const text = readFileSync(`/proc/${String(pid)}/task/${String(pid)}/children`, 'utf8').trim()
  return text === '' ? undefined : Number(text.split(' ')[0])
}

linuxTest(
  'a node that knows only MASTER_HOST and from which no store can be reached runs jobs, and nothing of it holds a credential of theirs',
  async () => {
    const platform = await startPlatform({ HOST: '0.0.0.0' })
    const home = mkdtempSync(join(tmpdir(), 'noodle-alone-'))
    cleanUp(() => rmSync(home, { recursive: true, force: true }))
    const grpcPort = platform.grpcAddress.split(':')[1] ?? ''
    const go = join(home, 'go')
    const env = {
      ...{ AUTH_JWT_SECRET: jwtSecret, HOME: home, TMPDIR: home },
      ...{ TASK_COMMAND_ALLOW: 'sh', LOG_FORMAT: 'console', DRAIN_DEADLINE_MS: '800' },
    }
    const alone = mayMakeNamespaces ? await startAlone({ ...env, MASTER_PORT: grpcPort }) : null
    const pid = alone?.pid ?? (await platform.startRemoteWorker(env)).child.pid ?? 0
    const token = await platform.token()
    const urls = [platform.env['DATABASE_URL'] ?? '', platform.env['REDIS_URL'] ?? ''].map(
      (url) => new URL(url),
    )
    if (alone)
      for (const host of ['127.0.0.1', alone.gatewayHost])
        for (const { port } of urls) expect(canReach(pid, host, port)).toBe(false)
    const large = 'x'.repeat(200_000)
    const waiting = `echo alone; while [ ! -e ${go} ]; do sleep 0.05; done`
    const submitted = await Promise.all(
      [
        { task: 'echo', payload: { large } },
        { task: 'command', payload: { argv: ['sh', '-c', waiting] } },
      ].map((body) => platform.call('POST', '/v1/jobs', { token, body })),
    )
    const read = async (index: number) => {
      const { id } = submitted[index]?.body as { id: string }
      return (await platform.call('GET', `/v1/jobs/${id}`, { token })).body
    }
    await waitFor(async () => (await read(0)).state === 'succeeded', patience)
    await waitFor(async () => (await read(1)).state === 'running', patience)

    const passwords = urls.map(({ password }) => password)
    const canaries = [...passwords, ...urls.map(({ host }) => host)]
    const processes = listDescendants(pid)
    expect(processes.length).toBeGreaterThan(1) // those of the run too
    for (const one of processes) {
      expect(readEnvironment(one).join(' ')).not.toMatch(/DATABASE_URL|REDIS_URL|postgres:|redis:/)
      const files = filesOf(one).filter((path) => existsSync(path) && statSync(path).isFile())
      expect(files.filter((path) => holdsOne(path, canaries))).toEqual([])
    }
    const own = readdirSync(home, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
    expect(own.filter((path) => holdsOne(path, canaries))).toEqual([])
    // On one machine a worker looks for processes left behind in the environments of all.
    if (alone) expect(memoryHolds(pid, canaries)).toEqual(canaries.map(() => false))
    expect([...portsReached(pid)]).toEqual([Number(grpcPort)])
    // So that it would have been seen.
    if (alone) expect(canReach(pid, alone.gatewayHost, grpcPort)).toBe(true)
    const gateway = platform.gateway.child.pid ?? 0
    expect(memoryHolds(gateway, passwords)).toEqual(passwords.map(() => true))
    expect([...portsReached(gateway)]).toEqual(expect.arrayContaining(urls.map(({ port }) => Number(port))))
    writeFileSync(go, '')
    await waitFor(async () => (await read(1)).state === 'succeeded', patience)
  },
  90_000,
)
