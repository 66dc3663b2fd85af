import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseAllDocuments, stringify } from 'yaml'
import { type Fields, type Logger, silentLogger } from '../../../../core/logger.ts'
import { makeKubernetesDriver } from '../../../../ops/autoscale/drivers/kubernetes-driver.ts'
import { findCluster } from '../../../../ops/autoscale/drivers/kubernetes/find-cluster.ts'
import { openKubernetesApi } from '../../../../ops/autoscale/drivers/kubernetes/kubernetes-api.ts'
import { makeCertificates } from '../../../support/certificates.ts'
import { cleanUp } from '../../../support/clean-up.ts'
import { openApiServer, type Rule } from './api-server-double.ts'
import { makeCluster } from './cluster-double.ts'

const component = join(import.meta.dirname, '../../../../deploy/kubernetes/components/autoscaler')
/** The Role of the manifests. */
export const granted = (): Rule[] =>
  parseAllDocuments(readFileSync(join(component, 'rbac.yaml'), 'utf8')).map((document) => document.toJS())[0]
    .rules

/** A double of an API server and a cluster with a Deployment for the tier small, and drivers for it. All of it ends after the test. */
export async function openDouble({ rules = granted(), replicas = 2, quota = Infinity, lagMs = 0 } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'noodle-kube-'))
  cleanUp(() => rmSync(folder, { recursive: true }))
  const pem = makeCertificates()
  const cluster = makeCluster({ quota, lagMs: { replicaSets: lagMs } })
  const deployment = cluster.addDeployment('small', replicas)
  cluster.advance(0)
  const tokens = new Set(['the-token'])
  const server = await openApiServer(cluster, {
    cert: pem('server.crt'),
    key: pem('server.key'),
    tokens,
    rules,
  })
  writeFileSync(join(folder, 'token'), 'the-token')

  function openDriver({ authority = 'ca.crt', settleMs = 0, tiers = ['small'] } = {}) {
    const file = join(folder, `${authority}.yaml`)
    const user = { 'auth-provider': { name: 'tokenFile', config: { tokenFile: join(folder, 'token') } } }
    writeFileSync(
      file,
      stringify({
        ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'here' },
        clusters: [
          {
            name: 'double',
            cluster: {
              server: server.url,
              'certificate-authority-data': Buffer.from(pem(authority)).toString('base64'),
            },
          },
        ],
        users: [{ name: 'master', user }],
        contexts: [{ name: 'here', context: { cluster: 'double', user: 'master', namespace: 'noodle' } }],
      }),
    )
    const errors: [string, Fields | undefined][] = []
    const log: Logger = { ...silentLogger, error: (line, fields) => errors.push([line, fields]) }
    const { kubeConfig, namespace } = findCluster(file)
    const api = openKubernetesApi(kubeConfig, namespace, log)
    const driver = makeKubernetesDriver({
      tiers: tiers.map((name) => ({ name })),
      api,
      settleMs,
    })
    cleanUp(() => driver.close())
    return { driver, errors }
  }

  /** All pods are up, and their workers registered. */
  function bringUp(): void {
    for (const pod of cluster.pods.values()) {
      pod.machine ??= 'machine'
      cluster.startContainer(pod)
      pod.node ??= { isDraining: false, isBusy: true }
      cluster.probe(pod)
    }
    cluster.advance(0)
  }
  /** The worker within takes no more jobs, and has none. */
  function drain(name: string): void {
    for (const pod of cluster.pods.values())
      if (pod.name === name) {
        pod.node = { isDraining: true, isBusy: false }
        cluster.probe(pod)
      }
  }
  return { cluster, deployment, server, tokens, openDriver, bringUp, drain }
}
