import { hostname } from 'node:os'
import { orExit, readConfig } from '../core/config.ts'
import { every } from '../core/every.ts'
import { runProcess } from '../core/lifecycle.ts'
import { makeLogger } from '../core/logger.ts'
import { makeMetricsEndpoint } from '../core/metrics-endpoint.ts'
import { makeMetrics } from '../core/metrics.ts'
import { makeAskEngine, readAnswer } from './autoscale/docker/engine-client.ts'
import { makeEngineGate } from './autoscale/docker/engine-gate.ts'
import { type ListedContainer, ownProject } from './autoscale/docker/scaled-containers.ts'

/*
 * The gate before a container engine, a process of its own: the only one of a deployment that has the engine's socket. It is reached by ops alone, and holds no secret.
 */

/** An engine makes a container in well under a second; one that pulls or swaps may take longer. */
const answerMs = 30_000

const config = orExit(() =>
  readConfig([
    'SCALING_DOCKER_ENGINE',
    'SCALING_DOCKER_PROJECT',
    'SCALING_DOCKER_GATE_PORT',
    'HOST',
    'LOG_LEVEL',
    'LOG_FORMAT',
    'METRICS_PORT',
    'METRICS_HOST',
    'METRICS_NETWORKS',
  ]),
)
const log = makeLogger({
  level: () => config.LOG_LEVEL,
  format: config.LOG_FORMAT,
  fields: { process: 'engine-gate' },
})
const ask = makeAskEngine(config.SCALING_DOCKER_ENGINE, answerMs)
let project = config.SCALING_DOCKER_PROJECT
/** Undefined until it was asked once. */
let isEngineThere: boolean | undefined

/** By default that of the container which this runs in. */
async function findProject(): Promise<string> {
  project ??= ownProject(
    (await readAnswer(await ask('GET', '/containers/json'))) as ListedContainer[],
    hostname(),
  )
  if (project !== undefined) return project
  throw new Error('The gate is in no container of a compose project; set SCALING_DOCKER_PROJECT.')
}

async function look(): Promise<void> {
  try {
    await readAnswer(await ask('GET', '/version'))
    await findProject()
    if (!isEngineThere) log.info('the container engine answers', { project })
    isEngineThere = true
  } catch (error) {
    if (isEngineThere !== false)
      log.error(
        'the container engine does not answer: it must be there, and DOCKER_GROUP the number of the group that may open its socket',
        { error },
      )
    isEngineThere = false
  }
}

await runProcess({
  log,
  components: [
    every(10_000, look, { name: 'engine check', log }),
    makeMetricsEndpoint({
      port: config.METRICS_PORT,
      host: config.METRICS_HOST,
      networks: config.METRICS_NETWORKS,
      metrics: makeMetrics(),
      log,
      isHealthy: () => isEngineThere === true,
    }),
    makeEngineGate({
      ...{ port: config.SCALING_DOCKER_GATE_PORT, host: config.HOST },
      ...{ ask, project: findProject, log },
    }),
  ],
  stopDeadlineMs: answerMs + 5000,
  reload: () => Promise.resolve(),
})
