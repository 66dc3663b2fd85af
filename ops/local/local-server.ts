import { mkdirSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { claimFolder } from './claim-folder.ts'
import { startGuarded, waitUntilServing, type GuardedProgram } from './guarded-process.ts'
import { freePort } from './ports.ts'
import { findAllIn, send, stopStranger, worksIn } from './processes.ts'
import { programEnvironment, type Programs } from './programs.ts'
import { openServerFolder, type ServerFolder } from './server-folder.ts'
import { canUse, findServiceUser, type ServiceUser } from './service-user.ts'

/** Reading a large append-only file or recovering after a crash takes time. */
const readyDeadlineMs = 300_000
const stopDeadlineMs = 20_000
const portAttempts = 5
/** How long processes of a server that is gone may take to notice that. */
const leftoversMs = 2000
/** When it becomes worth a sentence: most end at once. */
const sayAfterMs = 200

export interface LocalServerOptions {
  programs: Programs
  /** The folder of this server, kept from start to start: log, and data unless that must lie elsewhere (see server-folder.ts). */
  dir: string
  /** One line. Postgres takes it when the data is made and keeps it. */
  password: string
  /** The port to use; by default any free one. */
  port?: number
  /** Settings of the server by name, over our defaults. */
  settings?: Readonly<Record<string, string>>
  /** Hears what a person may want to know, in sentences; rare. */
  log?: (message: string) => void
}

export interface LocalServer {
  port: number
  logFile: string
  /** Resolves when the server has ended, asked to or not, with a sentence that tells how. */
  ended: Promise<string>
  /** Ends it in order, within 20 s. Twice is harmless. */
  stop(): Promise<void>
}

/** What Redis and Postgres do each in their own way. */
export interface ServerKind {
  name: string
  program: string
  stopSignal: GuardedProgram['stopSignal']
  /** In the data folder; the first line is the server's process id. */
  pidFile: string
  /** Makes what the start needs, before a port is chosen. */
  prepare(folder: ServerFolder, user: ServiceUser | undefined): Promise<void>
  /** The arguments to start with. */
  configure(folder: ServerFolder, port: number, user: ServiceUser | undefined): string[]
  isServing(folder: ServerFolder, port: number): Promise<boolean>
}

/** Starts a server on loopback and waits until it serves. @throws FolderInUse, Error with the end of its log when it does not come up */
export async function startLocalServer(options: LocalServerOptions, kind: ServerKind): Promise<LocalServer> {
  const dir = resolve(options.dir)
  const logFile = join(dir, `${kind.name}.log`)
  const user = findServiceUser()
  refuseUnreachable(kind.program, user)
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const letGo = claimFolder(dir)
  try {
    const folder = openServerFolder(dir, user)
    await stopOrphan(kind, folder.data, options.log)
    await kind.prepare(folder, user)
    for (let attempt = 1; ; attempt++) {
      const port = options.port ?? (await freePort())
      const server = startGuarded({
        program: kind.program,
        args: kind.configure(folder, port, user),
        workingDirectory: folder.data,
        env: programEnvironment(options.programs),
        logFile,
        stopSignal: kind.stopSignal,
        user,
      })
      try {
        await waitUntilServing(server, () => kind.isServing(folder, port), readyDeadlineMs)
      } catch (error) {
        await server.stop(stopDeadlineMs)
        const lostItsPort = /address already in use/i.test(server.output())
        if (lostItsPort && options.port === undefined && attempt < portAttempts) continue
        throw error
      }
      return {
        port,
        logFile,
        ended: server.ended.finally(letGo),
        async stop() {
          await server.stop(stopDeadlineMs)
          if (await server.wasGuardKilled()) await stopOrphan(kind, folder.data, options.log)
          letGo()
        },
      }
    }
  } catch (error) {
    letGo()
    throw error
  }
}

function refuseUnreachable(program: string, user: ServiceUser | undefined): void {
  if (!user || canUse(user, program)) return
  throw new Error(
    `Servers that root starts run as the user ${user.name}, who can't reach ${program}. ` +
      'Install Redis and Postgres for all users (Debian: apt-get install redis-tools postgresql), remove .noodle/programs.json and run scripts/setup.',
  )
}

/**
 * Stops what an earlier start left running when it was killed together with its guard: two servers on the same data would ruin it. We hold the folder, so
 * no other start is at work. The note of one that is gone is removed: Postgres would refuse to start should its number now belong to another process.
 */
async function stopOrphan(kind: ServerKind, data: string, log: LocalServerOptions['log']): Promise<void> {
  const note = join(data, kind.pidFile)
  const pid = readPid(note)
  if (pid !== undefined && worksIn(pid, data)) {
    log?.(`Stopping the ${kind.name} server that an earlier run left behind (process ${String(pid)}).`)
    await stopStranger(pid, kind.stopSignal, stopDeadlineMs)
  }
  await endLeftovers(kind, data, log)
  rmSync(note, { force: true })
}

/**
 * Processes may outlive the server that started them: sessions of a Postgres that was killed, as long as they compute, or the child of a Redis that
 * writes a snapshot. Postgres refuses to start beside them (shared memory block still in use); a snapshot would replace a newer one. Without their
 * server nothing that they do counts any more, so those that do not end by themselves are killed. On Linux; elsewhere the server's own refusal is all.
 */
async function endLeftovers(kind: ServerKind, data: string, log: LocalServerOptions['log']): Promise<void> {
  const program = realpathSync(kind.program)
  const startedAt = performance.now()
  let isSaid = false
  for (;;) {
    const left = findAllIn(data, program)
    if (left.length === 0) return
    const waitedMs = performance.now() - startedAt
    const ids = left.join(', ')
    if (!isSaid && waitedMs > sayAfterMs) {
      log?.(`Waiting for the end of what a killed ${kind.name} server left behind (process ${ids}).`)
      isSaid = true
    }
    if (waitedMs > leftoversMs) for (const pid of left) send(pid, 'SIGKILL')
    if (waitedMs > stopDeadlineMs)
      throw new Error(
        `Process ${ids} of an earlier ${kind.name} server works on ${data} and can't be killed.`,
      )
    await sleep(20)
  }
}

function readPid(file: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(file, 'utf8'), 10)
    return pid > 0 ? pid : undefined
  } catch {
    return undefined
  }
}

/** Says something to a port of this machine; true when `isExpected` accepts what has come back by then, false when it can't any more. */
export function ask(
  port: number,
  message: string | Buffer,
  isExpected: (reply: string) => boolean | undefined,
): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: 1000 })
    let reply = ''
    const finish = (answer: boolean): void => {
      socket.destroy()
      done(answer)
    }
    socket.on('connect', () => socket.write(message))
    socket.on('data', (chunk: Buffer) => {
      reply += chunk.toString('latin1')
      const answer = isExpected(reply)
      if (answer !== undefined) finish(answer)
    })
    socket.on('error', () => finish(false))
    socket.on('timeout', () => finish(false))
    socket.on('close', () => finish(false))
  })
}
