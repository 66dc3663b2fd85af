import { expect, test } from '@jest/globals'
import { blankDatabase } from '../../support/test-database.ts'
import { adminPassword, freePort, jwtSecret } from '../../support/platform.ts'
import { testRedis } from '../../support/test-redis.ts'
import { waitFor } from '../../support/wait-for.ts'
import { isKustomizeThere, render, renderWith } from './kustomize.ts'
import { podTest, runPod } from './pod-process.ts'
import { type Workload, workloadsOf } from './pods.ts'

/* The pods of the manifests without a cluster: what the kubelet would start, as it would start it, up to a finished job and the end of all. */

const startMs = 30_000
const run = isKustomizeThere ? podTest : test.skip

run(
  'the pods of the manifests migrate, answer their probes, run a job and end when they are told to',
  async () => {
    const manifests = [...renderWith('blob-volume'), ...render('overlays/production/migrate')]
    const workload = (name: string): Workload => {
      const found = workloadsOf(manifests).find((candidate) => candidate.name === name)
      if (!found) throw new Error(`There is no ${name}.`)
      return found
    }
    const secret = {
      database_url: await blankDatabase(),
      redis_url: await testRedis(),
      jwt_secret: jwtSecret,
      admin_password: adminPassword,
    }

    const migrate = () => runPod(workload('noodle-migrate'), { secret })
    const first = migrate()
    expect([await first.exited, first.output()]).toEqual([0, expect.stringContaining('applied')])
    const again = migrate()
    expect([await again.exited, again.output()]).toEqual([0, expect.stringContaining('Nothing to do')])

    const ports = { http: await freePort(), grpc: await freePort(), metrics: await freePort() }
    const master = runPod(workload('noodle-master'), {
      secret,
      settings: {
        PORT: String(ports.http),
        GRPC_PORT: String(ports.grpc),
        METRICS_PORT: String(ports.metrics),
        SHUTDOWN_DELAY_MS: '1000',
      },
    })
    const workerPorts = { metrics: await freePort() }
    const worker = runPod(workload('noodle-worker-small'), {
      secret,
      settings: { METRICS_PORT: String(workerPorts.metrics), TASK_COMMAND_ALLOW: 'sh' },
    })
    await waitFor(async () => (await probe(workload('noodle-master'), 'startupProbe', ports)) === 200, {
      timeoutMs: startMs,
      what: `the master to start: ${master.output()}`,
    })
    await waitFor(
      async () => (await probe(workload('noodle-worker-small'), 'startupProbe', workerPorts)) === 200,
      {
        timeoutMs: startMs,
        what: `the worker to start: ${worker.output()}`,
      },
    )
    await waitFor(async () => (await probe(workload('noodle-master'), 'readinessProbe', ports)) === 200)
    const { livenessProbe: masterLives } = workload('noodle-master').container
    await untilPassed(masterLives, () => master.exec(masterLives?.exec?.command ?? []))
    const { livenessProbe: workerLives } = workload('noodle-worker-small').container
    await untilPassed(
      workerLives,
      async () => (await probe(workload('noodle-worker-small'), 'livenessProbe', workerPorts)) === 200,
    )
    await waitFor(
      async () => (await probe(workload('noodle-worker-small'), 'readinessProbe', workerPorts)) === 200,
    )

    const url = `http://127.0.0.1:${String(ports.http)}`
    const post = async (path: string, body: object, headers: Record<string, string> = {}) => {
      const response = await fetch(url + path, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', ...headers },
        body: JSON.stringify(body),
      })
      return response.json() as any // eslint-disable-line @typescript-eslint/no-explicit-any -- answers are for `expect` to look into
    }
    const { accessToken } = await post('/v1/auth/token', { username: 'admin', password: adminPassword })
    const job = await post(
      '/v1/jobs',
      { task: 'command', payload: { argv: ['sh', '-c', looksAround] } },
      { Authorization: `Bearer ${String(accessToken)}`, Prefer: 'wait=20' },
    )
    expect(job).toMatchObject({ state: 'succeeded', tier: 'small' })
    expect(job.result.stdout.split('\n')).toEqual([
      'uid 10001, groups 10001',
      'CapEff: 0000000000000000',
      'NoNewPrivs: 1',
      'root: no',
      'app: no',
      'tmp: yes',
      'scratch: yes',
      'jwt_secret: no',
      '',
    ])

    worker.terminate()
    expect([await worker.exited, worker.output()]).toEqual([0, expect.stringContaining('process stopped')])
    master.terminate()
    await waitFor(async () => (await probe(workload('noodle-master'), 'readinessProbe', ports)) === 503)
    expect([await master.exited, master.output()]).toEqual([0, expect.stringContaining('process stopped')])
  },
  90_000,
)

/** What a job sees of where it runs. */
const looksAround = `
echo "uid $(id -u), groups $(id -G)"
sed -n 's/^\\(CapEff\\|NoNewPrivs\\):\\t*/\\1: /p' /proc/self/status
try() { if touch "$2" 2>/dev/null; then echo "$1: yes"; else echo "$1: no"; fi; }
try root /x
try app /app/x
try tmp /tmp/x
try scratch ./x
if [ -e /run/secrets/noodle/jwt_secret ]; then echo 'jwt_secret: yes'; else echo 'jwt_secret: no'; fi
`

/** Resolves when it passes, as long as the kubelet would not have ended the container: ops may come up after the gateway, which the startup probe asks. */
async function untilPassed(
  probed: { periodSeconds?: number; failureThreshold?: number } | undefined,
  passes: () => Promise<boolean>,
): Promise<void> {
  const { periodSeconds = 10, failureThreshold = 3 } = probed ?? {}
  await waitFor(passes, { timeoutMs: periodSeconds * (failureThreshold - 1) * 1000 })
}

/** The status that a probe of the container gets, at the port that stands for its own; undefined when nobody answers. */
async function probe(
  { container }: Workload,
  which: 'startupProbe' | 'readinessProbe' | 'livenessProbe',
  ports: Record<string, number>,
): Promise<number | undefined> {
  const get = container[which]?.httpGet
  if (!get) throw new Error(`There is no ${which}.`)
  try {
    const response = await fetch(`http://127.0.0.1:${String(ports[get.port])}${get.path ?? ''}`)
    await response.text()
    return response.status
  } catch {
    return undefined
  }
}
