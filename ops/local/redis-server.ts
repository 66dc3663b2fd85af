import { join } from 'node:path'
import { ask, startLocalServer, type LocalServer, type LocalServerOptions } from './local-server.ts'
import { writeFor } from './server-folder.ts'

export interface LocalRedis extends LocalServer {
  /** With the password. */
  url: string
}

const pidFile = 'redis.pid'

/**
 * Starts a Redis that listens on loopback only, appends each write to a file that is synced every second, and never evicts.
 * @throws FolderInUse, Error with the end of its log when it does not come up
 */
export async function startRedis(options: LocalServerOptions): Promise<LocalRedis> {
  const { programs, password, settings } = options
  const server = await startLocalServer(options, {
    name: 'redis',
    program: programs.redisServer,
    stopSignal: 'SIGTERM',
    pidFile,
    prepare: () => Promise.resolve(),
    configure(folder, port, user) {
      // A file, for arguments can be read by everybody.
      const file = join(folder.base, 'redis.conf')
      writeFor(
        file,
        asConfiguration({
          ...defaultSettings,
          requirepass: password,
          dir: folder.data,
          port: String(port),
          ...settings,
        }),
        user,
      )
      return [file]
    },
    isServing: (_folder, port) => answersPing(port, password),
  })
  return { ...server, url: `redis://:${encodeURIComponent(password)}@127.0.0.1:${String(server.port)}/0` }
}

const defaultSettings = {
  bind: '127.0.0.1',
  daemonize: 'no',
  pidfile: pidFile,
  'set-proc-title': 'no', // the title would hide the arguments, by which an orphan is known where there is no /proc
  appendonly: 'yes',
  appendfsync: 'everysec',
  save: '',
  'maxmemory-policy': 'noeviction',
}

function asConfiguration(settings: Record<string, string>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} ${JSON.stringify(value)}\n`)
    .join('')
}

/** True when the server takes our password and has read its data. One that had the port before us does not know the password. */
function answersPing(port: number, password: string): Promise<boolean> {
  const message = `*2\r\n$4\r\nAUTH\r\n$${String(Buffer.byteLength(password))}\r\n${password}\r\n*1\r\n$4\r\nPING\r\n`
  return ask(port, message, (reply) => {
    if (reply === '+OK\r\n+PONG\r\n') return true
    return reply.includes('-') ? false : undefined
  })
}
