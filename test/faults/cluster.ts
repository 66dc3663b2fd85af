import { randomInt } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isPortFree } from '../../ops/local/ports.ts'
import { waitFor } from '../support/wait-for.ts'
import { appendEffectProgram } from './effect-log.ts'
import { makeProductProcess, type ProductProcess, type Role } from './product-process.ts'
import type { Profile } from './profiles.ts'
import { type Proxy, startProxy } from './proxy.ts'
import { startStores, type Stores } from './stores.ts'

const startDeadlineMs = 60_000
const stopDeadlineMs = 60_000

/** The way of one process to one store, or of a node that reaches none to one gateway. */
export interface Link {
  from: ProductProcess
  to: 'postgres' | 'redis' | 'gateway'
  /** The gateway at its end. */
  gateway?: ProductProcess | undefined
  proxy: Proxy
}

/** Gateways, workers and ops of one release, all on the same stores. */
export interface ProcessSet {
  processes: ProductProcess[]
  links: Link[]
  gatewayUrls: string[]
  grpcPorts: number[]
}

/** The platform under test: real stores and processes, and a proxy on each link between them. */
export interface Cluster {
  folder: string
  /** Where the workers' processes have their scratch folders. */
  scratch: string
  effectLog: string
  stores: Stores
  readonly processes: readonly ProductProcess[]
  readonly links: readonly Link[]
  readonly gatewayUrls: readonly string[]
  token: string
  ofRole(role: Role): ProductProcess[]
  /** Starts a second set beside the first, `armed` for its first life. Clients and remote nodes go on using the first. */
  startTwin(armed?: Record<string, string>): Promise<ProcessSet>
  /** Clients and remote nodes call the gateways of `next` from now on, as behind a balancer. Gives the set that they called. */
  switchTo(next: ProcessSet): ProcessSet
  /** Ends a set that is not called any more. @throws when a process does not end in order */
  retire(set: ProcessSet): Promise<void>
  /** Times that a process of any set ended unasked. */
  surprises(): number
  close(options: { keepFolder: boolean }): Promise<void>
}

const mains: Record<'noodle' | 'baseline', Record<Role, string>> = {
  noodle: { gateway: 'api/main.ts', worker: 'workers/main.ts', ops: 'ops/main.ts' },
  baseline: { gateway: 'test/faults/baseline/app.ts', worker: 'test/faults/baseline/worker.ts', ops: '' },
}

const adminPassword = 'a long enough password'
const jwtSecret = 'a secret of the campaign, longer than 32 bytes'

const node = { TIER: 'small', TASK_COMMAND_ALLOW: appendEffectProgram }

/** The name of the worker that goes through the gateways. */
export const remoteWorker = 'remote-worker-1'

/** `env` is added to what every process is started with. */
export async function startCluster(
  profile: Profile,
  env: Record<string, string> = {},
  platform: keyof typeof mains = 'noodle',
): Promise<Cluster> {
  // The servers that root starts run as another user, who must be able to pass.
  const folder = mkdtempSync(join(process.getuid?.() === 0 ? '/tmp' : tmpdir(), 'noodle-faults-'))
  chmodSync(folder, 0o711)
  const scratch = join(folder, 'scratch')
  mkdirSync(scratch)
  const effectLog = join(folder, 'effects.log')
  const stores = await startStores(folder)
  const remote: Pick<ProcessSet, 'processes' | 'links'> = { processes: [], links: [] }
  const sets: ProcessSet[] = []
  let twins = 0
  let called: ProcessSet = { processes: [], links: [], gatewayUrls: [], grpcPorts: [] }

  async function add(set: ProcessSet, role: Role, name: string, own: Record<string, string>): Promise<void> {
    const [postgres, redis] = [
      await startProxy(() => stores.postgres.port, Math.random),
      await startProxy(() => stores.redis.port, Math.random),
    ]
    const product = makeProductProcess({
      name,
      role,
      main: mains[platform][role],
      logFile: join(folder, `${name}.log`),
      env: {
        DATABASE_URL: through(stores.postgres.url, postgres.port),
        REDIS_URL: through(stores.redis.url, redis.port),
        TMPDIR: scratch,
        BLOB_DIR: join(folder, 'blobs'),
        PAYLOAD_LIMIT_BYTES: '1048576', // oversizedBody is beyond it
        ...profile.settings,
        ...env,
        ...own,
      },
    })
    set.processes.push(product)
    set.links.push(
      { from: product, to: 'postgres', proxy: postgres },
      { from: product, to: 'redis', proxy: redis },
    )
  }

  /** `suffix` tells its processes from those of other sets. */
  async function addSet(suffix: string): Promise<ProcessSet> {
    const set: ProcessSet = { processes: [], links: [], gatewayUrls: [], grpcPorts: [] }
    sets.push(set)
    for (const name of ['gateway-1', 'gateway-2']) {
      const [port, grpcPort] = [await keptPort(), await keptPort()]
      set.gatewayUrls.push(`http://127.0.0.1:${port}`)
      set.grpcPorts.push(grpcPort)
      await add(set, 'gateway', name + suffix, {
        PORT: String(port),
        GRPC_PORT: String(grpcPort),
        AUTH_JWT_SECRET: jwtSecret,
        ADMIN_PASSWORD: adminPassword,
      })
    }
    for (const name of ['worker-1', 'worker-2']) await add(set, 'worker', name + suffix, node)
    if (mains[platform].ops) await add(set, 'ops', `ops-1${suffix}`, {})
    return set
  }

  /** A worker that is told where the gateways are, and nothing of the stores. */
  async function addRemote(name: string, own: Record<string, string>): Promise<void> {
    const ways = await Promise.all(
      called.grpcPorts.map((_, i) => startProxy(() => called.grpcPorts[i] ?? 0, Math.random)),
    )
    const product = makeProductProcess({
      name,
      role: 'worker',
      main: mains.noodle.worker,
      logFile: join(folder, `${name}.log`),
      env: {
        MASTER_HOST: ways.map((proxy) => `127.0.0.1:${proxy.port}`).join(','),
        AUTH_JWT_SECRET: jwtSecret,
        TMPDIR: scratch,
        ...profile.settings,
        ...env,
        ...own,
      },
    })
    remote.processes.push(product)
    for (const [i, proxy] of ways.entries())
      remote.links.push({
        from: product,
        to: 'gateway',
        proxy,
        get gateway() {
          return called.processes[i]
        },
      })
  }

  const everyProcess = (): ProductProcess[] => [...sets, remote].flatMap(({ processes }) => processes)

  // One that is stopped by SIGSTOP would not hear that we are gone.
  const killAll = (): void => {
    for (const product of everyProcess()) product.signal('SIGKILL')
  }
  process.once('exit', killAll)

  async function close({ keepFolder }: { keepFolder: boolean }): Promise<void> {
    process.off('exit', killAll)
    for (const product of everyProcess()) product.signal('SIGCONT')
    await Promise.allSettled(everyProcess().map((product) => product.stop('SIGTERM', stopDeadlineMs)))
    await Promise.all([...sets, remote].flatMap(({ links }) => links.map(({ proxy }) => proxy.close())))
    await stores.close()
    if (!keepFolder) await rm(folder, { recursive: true, force: true })
  }

  try {
    called = await addSet('')
    if (platform === 'noodle') await addRemote(remoteWorker, node)
    await Promise.all(everyProcess().map((product) => product.start()))
    const token = await waitFor(() => logIn(called.gatewayUrls[0] ?? ''), {
      timeoutMs: startDeadlineMs,
      what: `the platform to start (logs in ${folder})`,
    })
    return {
      folder,
      scratch,
      effectLog,
      stores,
      get processes() {
        return [...called.processes, ...remote.processes]
      },
      get links() {
        return [...called.links, ...remote.links]
      },
      get gatewayUrls() {
        return called.gatewayUrls
      },
      token,
      ofRole: (role) => [...called.processes, ...remote.processes].filter((product) => product.role === role),
      async startTwin(armed) {
        const twin = await addSet(`-${String(++twins)}`)
        await Promise.all(twin.processes.map((product) => product.start(armed)))
        return twin
      },
      switchTo(next) {
        const before = called
        called = next
        return before
      },
      async retire(set) {
        const ends = await Promise.all(
          set.processes.map((product) => product.stop('SIGTERM', stopDeadlineMs)),
        )
        const codes = ends.map(({ code }) => code)
        if (codes.some((code) => code !== 0))
          throw new Error(`A set's processes exited with ${codes.join(', ')}.`)
      },
      surprises: () => everyProcess().reduce((sum, product) => sum + product.surprises(), 0),
      close,
    }
  } catch (error) {
    await close({ keepFolder: true })
    throw error
  }
}

/** A free port below those that the kernel gives to connections (32,768 and up on Linux), which would take one while its gateway is down. */
async function keptPort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 32_768)
    if (await isPortFree(port)) return port
  }
}

function through(url: string, port: number): string {
  const result = new URL(url)
  result.port = String(port)
  return result.href
}

async function logIn(gatewayUrl: string): Promise<string | undefined> {
  const response = await fetch(`${gatewayUrl}/v1/auth/token`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ username: 'admin', password: adminPassword }),
  })
  const answer = (await response.json()) as { accessToken?: string }
  return answer.accessToken
}
