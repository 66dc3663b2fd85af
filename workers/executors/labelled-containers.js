// JavaScript, for the keeper's process reads it too: it loads nothing that strips types, and no more of an engine's API than to end what is left.
import { request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { engineConnection } from '../../core/engine-connection.js'

/** On every container that a worker starts: whose it is, and for which start of which job. */
export const containerLabels = {
  /** Of the worker process; no other ever has the same. */
  worker: 'noodle.worker',
  /** As the keeper counts them: each loss of the lease begins a new one. */
  generation: 'noodle.generation',
  job: 'noodle.job',
  attempt: 'noodle.attempt',
  fence: 'noodle.fence',
}

/** How long an engine may take to answer. To remove is to kill first. */
const answerDeadlineMs = 15_000
/** While it removes a container already, it refuses to do so twice. */
const removeDeadlineMs = 20_000

/**
 * @typedef {object} LabelledContainer
 * @property {string} id
 * @property {string} jobId
 * @property {number} fence
 * @property {number} generation
 */

/**
 * All containers with a label, running or not.
 * @param {string} engine
 * @param {string} label a name, or `name=value`
 * @returns {Promise<LabelledContainer[]>}
 */
export async function findContainers(engine, label) {
  const filters = encodeURIComponent(JSON.stringify({ label: [label] }))
  const { status, body } = await ask(engine, 'GET', `/containers/json?all=1&filters=${filters}`)
  if (status !== 200) throw new Error(`The container engine at ${engine} refused to list: ${body}`)
  /** @type {{ Id: string, Labels: Record<string, string> }[]} */
  const found = JSON.parse(body)
  return found.map(({ Id, Labels }) => ({
    id: Id,
    jobId: Labels[containerLabels.job] ?? '',
    fence: Number(Labels[containerLabels.fence]),
    generation: Number(Labels[containerLabels.generation]),
  }))
}

/**
 * Kills a container and removes it with its volumes. Resolves when it is gone.
 * @param {string} engine
 * @param {string} id or name
 */
export async function removeContainer(engine, id) {
  for (let waitMs = 10, spentMs = 0; ; spentMs += waitMs, waitMs = Math.min(500, waitMs * 2)) {
    const { status, body } = await ask(engine, 'DELETE', `/containers/${id}?force=1&v=1`)
    if (status === 204 || status === 404) return
    if (status !== 409 || spentMs > removeDeadlineMs)
      throw new Error(`The container engine at ${engine} could not remove ${id}: ${body}`)
    await delay(waitMs)
  }
}

/**
 * Waits until a container has ended, and answers with its exit code; null when there is none. Docker's client for Node would not hear that the connection broke.
 * @param {string} engine
 * @param {string} id or name
 * @param {AbortSignal} signal
 * @returns {Promise<number | null>}
 */
export async function untilContainerEnded(engine, id, signal) {
  const { status, body } = await ask(engine, 'POST', `/containers/${id}/wait?condition=not-running`, signal)
  if (status === 404) return null
  if (status !== 200) throw new Error(`The container engine at ${engine} refused to wait: ${body}`)
  return JSON.parse(body).StatusCode
}

/**
 * @param {string} engine
 * @param {string} method
 * @param {string} path
 * @param {AbortSignal} [signal]
 * @returns {Promise<{ status: number, body: string }>}
 */
function ask(engine, method, path, signal = AbortSignal.timeout(answerDeadlineMs)) {
  return new Promise((resolve, reject) => {
    const asked = request({
      ...{ ...engineConnection(engine), method, path, agent: false },
      headers: { host: 'engine' },
      signal,
    })
    asked.once('error', reject)
    asked.once('response', (response) => {
      let body = ''
      response
        .setEncoding('utf8')
        .on('data', (text) => (body += text))
        .once('error', reject)
        .once('end', () => resolve({ status: response.statusCode ?? 0, body: body.trim() }))
    })
    asked.end()
  })
}
