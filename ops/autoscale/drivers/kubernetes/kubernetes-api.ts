import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import {
  ApiException,
  AppsV1Api,
  CoreV1Api,
  type Configuration,
  createConfiguration,
  type KubeConfig,
  PatchStrategy,
  type RequestContext,
  ServerConfiguration,
  setHeaderOptions,
  type V1Pod,
} from '@kubernetes/client-node'
import pRetry from 'p-retry'
import type { Logger } from '../../../../core/logger.ts'
import { toWorkerPod, type WorkerPod } from './worker-pod.ts'

/** The scale of a Deployment. It is changed only as long as the Deployment is what was read. */
export interface Scale {
  replicas: number
  resourceVersion: string
  /** Of its pods. */
  selector: string
}

export type KubernetesApi = ReturnType<typeof openKubernetesApi>

/** Certificates that were renewed are read so often; until then connections are kept. */
const connectionsMs = 300_000
/** Tries in all, of what may be tried again. */
const tries = 4
/** Longest that the server may have us wait; a call as a whole ends with its signal. */
const longestRetryAfterSeconds = 10
/** Of a list; a list whose next page has expired (410) is read anew. */
const pageSize = 500

/** What the driver asks of the API server of Kubernetes, and no more: the Role of deploy/kubernetes/components/autoscaler names the same. */
export function openKubernetesApi(kubeConfig: KubeConfig, namespace: string, log: Logger) {
  const cluster = kubeConfig.getCurrentCluster()
  if (!cluster) throw new Error('The configuration of Kubernetes names no cluster.')
  const server = new ServerConfiguration(cluster.server, {})
  const refused = new Set<string>()
  let connections: { dispatcher: Dispatcher; sinceMs: number } | undefined

  /** The client would open connections for each request. */
  async function authenticate(context: RequestContext): Promise<void> {
    await kubeConfig.applySecurityAuthentication(context)
    const fresh = context.getDispatcher()
    if (!connections || performance.now() - connections.sinceMs > connectionsMs) {
      const old = connections?.dispatcher
      connections = fresh && { dispatcher: fresh, sinceMs: performance.now() }
      void old?.close()
    }
    if (connections) context.setDispatcher(connections.dispatcher)
  }

  const configurationFor = (signal: AbortSignal): Configuration =>
    createConfiguration({
      baseServer: server,
      authMethods: { default: { getName: () => 'kubeconfig', applySecurityAuthentication: authenticate } },
      promiseMiddleware: [
        {
          pre(context) {
            context.setSignal(signal)
            return Promise.resolve(context)
          },
          post: (context) => Promise.resolve(context),
        },
      ],
    })

  /**
   * `mayRepeat`: to do it twice is to do it once, so that it is tried again also when it is not known what came of it; what the server has turned away (429)
   * always is. `right` is what RBAC has to grant.
   */
  async function call<T>(
    right: { verb: string; resource: string; name?: string },
    { mayRepeat, signal }: { mayRepeat: boolean; signal: AbortSignal },
    act: (configuration: Configuration) => Promise<T>,
  ): Promise<T> {
    const key = `${right.verb} ${right.resource} ${right.name ?? ''}`
    try {
      const answer = await pRetry(() => act(configurationFor(signal)), {
        ...{ retries: tries - 1, minTimeout: 200, factor: 2, maxTimeout: 3000, randomize: true, signal },
        shouldRetry: ({ error }) =>
          error instanceof ApiException ? error.code === 429 || (mayRepeat && error.code >= 500) : mayRepeat,
        onFailedAttempt: async ({ error, retriesLeft }) => {
          const seconds = retriesLeft > 0 ? retryAfterSeconds(error) : 0
          if (seconds > 0) await delay(seconds * 1000, undefined, { signal })
        },
      })
      refused.delete(key)
      return answer
    } catch (error) {
      if (!(error instanceof ApiException)) throw error
      if (error.code !== 403) throw new Error(said(key, error), { cause: error })
      if (!refused.has(key))
        log.error(
          'the service account lacks a right at the Kubernetes API; the Role noodle-autoscaler grants it',
          {
            ...right,
            namespace,
          },
        )
      refused.add(key)
      throw new Error(
        `The service account may not ${key.trim()} in the namespace ${namespace}; the Role noodle-autoscaler must grant it.`,
        { cause: error },
      )
    }
  }

  return {
    /** Null when there is no such Deployment. */
    async readScale(name: string, signal: AbortSignal): Promise<Scale | null> {
      try {
        const { metadata, spec, status } = await call(
          { verb: 'get', resource: 'deployments/scale', name },
          { mayRepeat: true, signal },
          (configuration) => new AppsV1Api(configuration).readNamespacedDeploymentScale({ name, namespace }),
        )
        const { resourceVersion } = metadata ?? {}
        if (resourceVersion === undefined || !status?.selector)
          throw new Error(`The scale of the Deployment ${name} has no resourceVersion or no selector.`)
        return { replicas: spec?.replicas ?? 0, resourceVersion, selector: status.selector }
      } catch (error) {
        if (codeOf(error) === 404) return null
        throw error
      }
    },

    /** False when the Deployment has changed since its scale was read. What is not known to have been refused rejects, and may have been done. */
    async replaceScale(
      name: string,
      { resourceVersion, replicas }: Omit<Scale, 'selector'>,
      signal: AbortSignal,
    ): Promise<boolean> {
      try {
        await call(
          { verb: 'update', resource: 'deployments/scale', name },
          { mayRepeat: false, signal },
          (configuration) =>
            new AppsV1Api(configuration).replaceNamespacedDeploymentScale({
              ...{ name, namespace },
              body: {
                ...{ apiVersion: 'autoscaling/v1', kind: 'Scale' },
                metadata: { name, namespace, resourceVersion },
                spec: { replicas },
              },
            }),
        )
        return true
      } catch (error) {
        if (codeOf(error) === 409) return false
        throw error
      }
    },

    /** Those that have not ended, as the store has them now: no cache of the server is asked. */
    async listPods(labelSelector: string, signal: AbortSignal): Promise<WorkerPod[]> {
      const read = async (): Promise<V1Pod[]> => {
        const pods: V1Pod[] = []
        let next: string | undefined
        do {
          const page = await call(
            { verb: 'list', resource: 'pods' },
            { mayRepeat: true, signal },
            (configuration) =>
              new CoreV1Api(configuration).listNamespacedPod({
                ...{ namespace, labelSelector, limit: pageSize },
                ...(next !== undefined && { _continue: next }),
              }),
          )
          pods.push(...page.items)
          next = page.metadata?._continue
        } while (next)
        return pods
      }
      const pods = await pRetry(read, {
        ...{ retries: 2, minTimeout: 0, signal },
        shouldRetry: ({ error }) => codeOf(error) === 410,
      })
      return pods.flatMap((pod) => toWorkerPod(pod) ?? [])
    },

    /** Null for one that is gone, or whose name another pod has. */
    async annotatePod(
      { name, uid }: Pick<WorkerPod, 'name' | 'uid'>,
      annotations: Record<string, string | null>,
      signal: AbortSignal,
    ): Promise<WorkerPod | null> {
      try {
        const pod = await call(
          { verb: 'patch', resource: 'pods' },
          { mayRepeat: true, signal },
          (configuration) =>
            new CoreV1Api(configuration).patchNamespacedPod(
              { name, namespace, body: { metadata: { uid, annotations } } },
              setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
            ),
        )
        return toWorkerPod(pod)
      } catch (error) {
        if ([404, 409].includes(codeOf(error) ?? 0)) return null
        throw error
      }
    },

    async close(): Promise<void> {
      await connections?.dispatcher.close()
      connections = undefined
    },
  }
}

type Dispatcher = NonNullable<ReturnType<RequestContext['getDispatcher']>>

/** The status of the answer that an error comes from. */
function codeOf(error: unknown): number | undefined {
  const cause = error instanceof Error ? error.cause : undefined
  return cause instanceof ApiException ? cause.code : undefined
}

/** Retry-After in its form as a number, which is what the server gives. */
function retryAfterSeconds(error: unknown): number {
  const text = error instanceof ApiException ? error.headers['retry-after'] : undefined
  return text !== undefined && /^\d+$/.test(text) ? Math.min(Number(text), longestRetryAfterSeconds) : 0
}

/** A sentence instead of the client's, which has all headers and the whole body. */
function said(what: string, { code, body }: ApiException<unknown>): string {
  const text = typeof body === 'string' ? body : JSON.stringify(body ?? '')
  const [, message] = /"message":"((?:[^"\\]|\\.)*)"/.exec(text) ?? []
  return `The Kubernetes API answered ${String(code)} to ${what.trim()}: ${message ?? text.slice(0, 200)}`
}
