import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { ask, startLocalServer, type LocalServer, type LocalServerOptions } from './local-server.ts'
import { programEnvironment, type Programs } from './programs.ts'
import { makeFor, writeFor, type ServerFolder } from './server-folder.ts'
import type { ServiceUser } from './service-user.ts'

export interface LocalPostgres extends LocalServer {
  /** The database `noodle`, with the password, as superuser. */
  url: string
  /** The maintenance database: for making and dropping others. */
  adminUrl: string
}

/** The superuser, and the database that is made with the data. */
const name = 'noodle'
const pidFile = 'postmaster.pid'

/**
 * Starts a Postgres that listens on loopback only and asks for passwords by SCRAM; the first start makes its data.
 * @throws FolderInUse, Error with the end of its log when it does not come up
 */
export async function startPostgres(options: LocalServerOptions): Promise<LocalPostgres> {
  const { programs, password } = options
  const server = await startLocalServer(options, {
    name: 'postgres',
    program: programs.postgres,
    stopSignal: 'SIGINT', // "fast": sessions are ended, and what they had not committed is undone
    pidFile,
    async prepare(folder, user) {
      if (!existsSync(join(folder.data, 'PG_VERSION'))) await makeData(options, folder, user)
      await refuseOtherVersion(programs, folder.data)
    },
    configure(folder, port) {
      const settings = { ...defaultSettings, port: String(port), ...options.settings }
      return [
        '-D',
        folder.data,
        ...Object.entries(settings).flatMap(([setting, value]) => ['-c', `${setting}=${value}`]),
      ]
    },
    isServing: async (folder, port) => saysReady(folder.data, port) && (await answers(port)),
  })
  const url = (database: string): string =>
    `postgres://${name}:${encodeURIComponent(password)}@127.0.0.1:${String(server.port)}/${database}`
  return { ...server, url: url(name), adminUrl: url('postgres') }
}

const defaultSettings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '200',
  shared_buffers: '128MB',
  synchronous_commit: 'on',
  jit: 'off', // its compiler is not among the programs that setup fetches
  timezone: 'GMT', // the one zone that needs no files
  log_timezone: 'GMT',
  log_checkpoints: 'off',
}

/** Made beside and moved into place, so that data is there whole or not at all. */
async function makeData(
  { programs, password, settings, log }: LocalServerOptions,
  { base, data }: ServerFolder,
  user: ServiceUser | undefined,
): Promise<void> {
  log?.('Making the database (once).')
  const unfinished = `${data}.unfinished`
  const passwordFile = join(base, 'password')
  const run = { programs, user, workingDirectory: base }
  rmSync(unfinished, { recursive: true, force: true })
  makeFor(unfinished, user)
  writeFor(passwordFile, `${password}\n`, user)
  try {
    const locale = process.platform === 'linux' ? ['--locale=C', '--lc-ctype=C.UTF-8'] : ['--locale=C']
    const sync = settings?.['fsync'] === 'off' ? ['--no-sync'] : []
    const args = [
      '-D',
      unfinished,
      '-U',
      name,
      '--auth=scram-sha-256',
      `--pwfile=${passwordFile}`,
      '--encoding=UTF8',
      ...locale,
      ...sync,
    ]
    await runToEnd(programs.initdb, args, run)
    // Without a server there is no client to ask it: single-user mode takes statements on standard input.
    await runToEnd(programs.postgres, ['--single', '-D', unfinished, ...sync.map(() => '-F'), 'postgres'], {
      ...run,
      input: `CREATE DATABASE ${name}\n`,
    })
  } finally {
    rmSync(passwordFile, { force: true })
  }
  rmSync(data, { recursive: true, force: true }) // the empty one
  renameSync(unfinished, data)
}

interface Run {
  programs: Programs
  user: ServiceUser | undefined
  workingDirectory: string
  input?: string
}

async function runToEnd(
  program: string,
  args: readonly string[],
  { programs, user, workingDirectory, input = '' }: Run,
): Promise<string> {
  const child = spawn(program, args, {
    cwd: workingDirectory,
    env: programEnvironment(programs),
    stdio: 'pipe',
    ...(user && { uid: user.uid, gid: user.gid }),
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')))
  child.stdin.on('error', () => {}) // it may end without reading
  child.stdin.end(input)
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`${program} failed:\n${output.trimEnd()}`)
  return output
}

async function refuseOtherVersion(programs: Programs, data: string): Promise<void> {
  const made = readFileSync(join(data, 'PG_VERSION'), 'utf8').trim()
  const output = await runToEnd(programs.postgres, ['--version'], {
    programs,
    user: undefined,
    workingDirectory: '/',
  })
  const runs = /PostgreSQL\) (\d+)/.exec(output)?.[1]
  if (made === runs) return
  throw new Error(
    `The data in ${data} was made by Postgres ${made}, but the programs are of version ${runs ?? 'unknown'} (${programs.postgres}). ` +
      `Install Postgres ${made} beside it and name its programs in .noodle/programs.json, or move that folder away to begin anew.`,
  )
}

/** Postgres notes in its lock file what it is up to: the port in line 4, "ready" in line 8. */
function saysReady(data: string, port: number): boolean {
  try {
    const lines = readFileSync(join(data, pidFile), 'utf8').split('\n')
    return lines[3] === String(port) && lines[7]?.trim() === 'ready'
  } catch {
    return false
  }
}

/** True when the port speaks Postgres' protocol: a request for TLS is answered by S or N (protocol 3, message SSLRequest). */
function answers(port: number): Promise<boolean> {
  return ask(port, Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]), (reply) => /^[SN]/.test(reply))
}
