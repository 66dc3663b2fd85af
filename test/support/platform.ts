import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { cleanUp } from './clean-up.ts'
import { testBlobDir } from './test-blobs.ts'
import { testDatabase } from './test-database.ts'
import { testRedis } from './test-redis.ts'
import { waitFor } from './wait-for.ts'

const root = join(import.meta.dirname, '../..')

/** How long a process may take to start or to stop, on a machine that does much else. */
const processMs = 40_000

export const adminPassword = 'a long enough password'
export const jwtSecret = 'test secret of more than thirty-two bytes'

export interface PlatformProcess {
  child: ChildProcess
  /** What it wrote so far. */
  output(): string
  /** Ends it and resolves with its exit code, null when a signal ended it. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

/** Of the code that a process runs, where the platform's is another one than today's. */
interface Version {
  isOfToday: boolean
}

export interface Platform {
  url: string
  grpcAddress: string
  env: Record<string, string>
  /** Starts one more worker and resolves when it takes jobs. */
  startWorker(env: Record<string, string>, version?: Version): Promise<PlatformProcess>
  /** Starts a worker that is told where gateways are, and nothing of the stores. */
  startRemoteWorker(env: Record<string, string>): Promise<PlatformProcess>
  /** Starts one more gateway at ports of its own, and resolves when it is ready. */
  startAnotherGateway(
    env?: Record<string, string>,
  ): Promise<PlatformProcess & { url: string; grpcAddress: string }>
  /** Starts one more ops process. */
  startOps(env: Record<string, string>): PlatformProcess
  /** Starts a gateway and resolves when it is ready; by default at the ports of the first, which has stopped then. */
  startGateway(env?: Record<string, string>, version?: Version): Promise<PlatformProcess>
  gateway: PlatformProcess
  ops: PlatformProcess
  /** An access token of the first admin. */
  token(): Promise<string>
  call(
    method: string,
    path: string,
    options?: { token?: string; body?: unknown; headers?: Record<string, string> },
  ): Promise<{ status: number; headers: Headers; body: any }> // eslint-disable-line @typescript-eslint/no-explicit-any -- answers are JSON, which the test looks into
}

/** The real processes on this test's stores: a gateway and ops, ready; they are stopped after the test, and must exit 0. `checkout`: where their code is. */
export async function startPlatform(
  settings: Record<string, string> = {},
  { checkout = root } = {},
): Promise<Platform> {
  const [databaseUrl, redisUrl] = [await testDatabase(), await testRedis()]
  const [port, grpcPort] = [await freePort(), await freePort()]
  const url = `http://127.0.0.1:${String(port)}`
  const env = {
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    PORT: String(port),
    GRPC_PORT: String(grpcPort),
    AUTH_JWT_SECRET: jwtSecret,
    ADMIN_PASSWORD: adminPassword,
    BLOB_DIR: testBlobDir(),
    LOG_FORMAT: 'console',
    LOG_LEVEL: 'debug',
    ...settings,
  }
  const codeOf = (version?: Version): string => (version?.isOfToday ? root : checkout)
  const ops = startProcess('ops/main.ts', env, checkout)
  const gateway = await startGateway()

  async function startGateway(
    extra: Record<string, string> = {},
    version?: Version,
  ): Promise<PlatformProcess> {
    const own = { ...env, ...extra }
    const started = startProcess('api/main.ts', own, codeOf(version))
    await waitFor(async () => (await fetch(`http://127.0.0.1:${own.PORT}/ready`)).ok, {
      timeoutMs: processMs,
      what: `the gateway to be ready: ${started.output()}`,
    })
    return started
  }

  let token: Promise<string> | undefined
  const platform: Platform = {
    url,
    grpcAddress: `127.0.0.1:${String(grpcPort)}`,
    env,
    ops,
    gateway,
    startGateway,
    async startWorker(extra, version) {
      const worker = startProcess('workers/main.ts', { ...env, ...extra }, codeOf(version))
      await once(worker.child, 'message', { signal: AbortSignal.timeout(processMs) }).catch(() => {
        throw new Error(`The worker did not start:\n${worker.output()}`)
      })
      return worker
    },
    async startRemoteWorker(extra) {
      const worker = startProcess('workers/main.ts', {
        MASTER_HOST: platform.grpcAddress,
        AUTH_JWT_SECRET: jwtSecret,
        LOG_FORMAT: 'console',
        LOG_LEVEL: 'debug',
        ...extra,
      })
      await once(worker.child, 'message', { signal: AbortSignal.timeout(processMs) }).catch(() => {
        throw new Error(`The worker did not start:\n${worker.output()}`)
      })
      return worker
    },
    async startAnotherGateway(extra = {}) {
      const [ownPort, ownGrpcPort] = [await freePort(), await freePort()]
      const ports = { PORT: String(ownPort), GRPC_PORT: String(ownGrpcPort) }
      const gateway = startProcess('api/main.ts', { ...env, ...ports, ...extra })
      const ownUrl = `http://127.0.0.1:${String(ownPort)}`
      await waitFor(async () => (await fetch(`${ownUrl}/ready`)).ok, {
        timeoutMs: processMs,
        what: `the gateway to be ready: ${gateway.output()}`,
      })
      return { ...gateway, url: ownUrl, grpcAddress: `127.0.0.1:${String(ownGrpcPort)}` }
    },
    startOps: (extra) => startProcess('ops/main.ts', { ...env, ...extra }, checkout),
    token() {
      token ??= platform
        .call('POST', '/v1/auth/token', { body: { username: 'admin', password: adminPassword } })
        .then(({ body }) => body.accessToken as string)
      return token
    },
    async call(method, path, options = {}) {
      const response = await fetch(url + path, {
        method,
        headers: {
          ...(options.body !== undefined && { 'Content-Type': 'application/json' }),
          ...(options.token && { Authorization: `Bearer ${options.token}` }),
          ...options.headers,
        },
        ...(options.body !== undefined && { body: JSON.stringify(options.body) }),
      })
      const text = await response.text()
      return {
        status: response.status,
        headers: response.headers,
        body: text && /json/.test(response.headers.get('Content-Type') ?? '') ? JSON.parse(text) : text,
      }
    },
  }
  return platform
}

/** Of our own environment, no more than a start by scripts/node has: with what Node has compiled already, a process is up in half the time. */
export const inherited = Object.fromEntries(
  ['PATH', 'HOME', 'NODE_COMPILE_CACHE'].map((name) => [name, process.env[name] ?? '']),
)

/** Starts one of the product's processes; it is stopped after the test, and must exit 0 then. */
export function startProcess(
  main: string,
  env: Record<string, string>,
  checkout: string = root,
): PlatformProcess {
  const child = spawn(process.execPath, [join(checkout, main)], {
    cwd: checkout,
    env: { ...inherited, ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => (output += text))
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)))
  const result: PlatformProcess = {
    child,
    output: () => output,
    async stop(signal = 'SIGTERM') {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal)
      const code = await Promise.race([
        exited,
        new Promise<'late'>((resolve) => setTimeout(resolve, processMs, 'late').unref()),
      ])
      if (code !== 'late') return code
      child.kill('SIGKILL')
      throw new Error(`${main} did not stop within ${String(processMs)} ms:\n${output}`)
    },
  }
  cleanUp(async () => {
    const hadExited = child.exitCode !== null || child.signalCode !== null
    const code = await result.stop()
    if (!hadExited && code !== 0) throw new Error(`${main} exited with ${String(code)}:\n${output}`)
  })
  return result
}

/** A port that nobody has now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('No port was given.')
  return address.port
}
