import type { Endpoint, Pod, Protocol } from './network-policy.ts'
import { type Manifest, workloads } from './kustomize.ts'

/*
 * Who is about where Noodle runs, in the cluster and outside of it: the names are those of the tables in docs/kubernetes.md. Addresses are of networks
 * as clusters and clouds have them; test/deploy/kubernetes/network-live.test.ts gives them to machines of its own.
 */

export interface Target {
  name: string
  at: string
  protocol: Protocol
  port: number
}

/** Who may want to connect. */
export const sources = [
  ...['the internet', 'the ingress controller', 'another pod of its namespace'],
  ...[
    'a pod that calls itself ingress controller',
    'Prometheus',
    'KEDA',
    "a stranger in Noodle's namespace",
    'the kubelet',
  ],
  ...['master', 'worker', 'migrate'],
]

const tcp = (name: string, at: string, port: number): Target => ({ name, at, protocol: 'TCP', port })

/** What they may want to connect to. */
export const targets: Target[] = [
  tcp('gateway 8080', 'a master', 8080),
  tcp('gRPC 50051', 'a master', 50_051),
  tcp('scaler 50052', 'a master', 50_052),
  tcp("master's metrics", 'a master', 9100),
  tcp("worker's metrics", 'a worker', 9100),
  { name: 'DNS, UDP', at: 'DNS', protocol: 'UDP', port: 53 },
  tcp('DNS, TCP', 'DNS', 53),
  tcp('Postgres', 'Postgres', 5432),
  tcp('Redis', 'Redis', 6379),
  tcp('another database', 'a private machine', 5432),
  tcp('object store', 'the object store', 443),
  tcp('collector', 'the collector', 4317),
  tcp('API server', 'the API server', 6443),
  tcp('internet, 80', 'a web server', 80),
  tcp('internet, 25', 'a web server', 25),
  tcp('private, 80', 'a private machine', 80),
  tcp('metadata', 'the metadata service', 80),
]

/** All of them by name. Noodle's own pods have the labels and the ports of the manifests. */
export function placesOf(manifests: readonly Manifest[]): Map<string, Endpoint> {
  const pod = (namespace: string, labels: Record<string, string>): Pod => ({
    namespace,
    namespaceLabels: { 'kubernetes.io/metadata.name': namespace },
    labels,
    ports: {},
  })
  const label = (name: string) => ({ 'app.kubernetes.io/name': name })
  const outside = (ip: string): Pick<Endpoint, 'ip' | 'pod'> => ({ ip, pod: null })
  const places: Record<string, Omit<Endpoint, 'name'>> = {
    'the internet': outside('198.51.100.7'),
    'the ingress controller': { ip: '10.244.1.2', pod: pod('traefik', label('traefik')) },
    'another pod of its namespace': { ip: '10.244.1.3', pod: pod('traefik', label('whoami')) },
    'a pod that calls itself ingress controller': { ip: '10.244.1.4', pod: pod('default', label('traefik')) },
    Prometheus: { ip: '10.244.1.5', pod: pod('monitoring', label('prometheus')) },
    KEDA: { ip: '10.244.1.12', pod: pod('keda', label('keda-operator')) },
    "a stranger in Noodle's namespace": { ip: '10.244.1.6', pod: pod('noodle', label('stranger')) },
    'the kubelet': { ...outside('10.0.1.1'), isNode: true },
    master: { ip: '10.244.1.7', pod: ownPod(manifests, 'noodle-master') },
    worker: { ip: '10.244.1.8', pod: ownPod(manifests, 'noodle-worker-heavy') },
    migrate: { ip: '10.244.1.9', pod: ownPod(manifests, 'noodle-migrate') },
    // Others of their kind: nobody is kept from himself.
    'a master': { ip: '10.244.1.17', pod: ownPod(manifests, 'noodle-master') },
    'a worker': { ip: '10.244.1.18', pod: ownPod(manifests, 'noodle-worker-heavy') },
    DNS: { ip: '10.244.1.10', pod: pod('kube-system', { 'k8s-app': 'kube-dns' }) },
    Postgres: outside('10.20.0.5'),
    Redis: outside('10.20.0.6'),
    'a private machine': outside('10.30.0.9'),
    'the object store': outside('203.0.113.10'),
    'the collector': { ip: '10.244.1.11', pod: pod('monitoring', label('opentelemetry-collector')) },
    'the API server': outside('10.0.0.2'),
    'a web server': outside('198.51.100.80'),
    'the metadata service': outside('169.254.169.254'),
  }
  return new Map(Object.entries(places).map(([name, place]) => [name, { name, ...place }]))
}

function ownPod(manifests: readonly Manifest[], name: string): Pod {
  const workload = workloads(manifests).find(({ metadata }) => metadata?.name === name)
  const { template } = workload?.spec ?? {}
  if (!workload || !template) throw new Error(`The manifests have no ${name}.`)
  const namespace = workload.metadata?.namespace ?? ''
  const ports = template.spec?.containers.flatMap((container) => container.ports ?? []) ?? []
  return {
    namespace,
    namespaceLabels: { 'kubernetes.io/metadata.name': namespace },
    labels: template.metadata?.labels ?? {},
    ports: Object.fromEntries(
      ports.flatMap(({ name: portName, containerPort, protocol = 'TCP' }) =>
        portName ? [[portName, { protocol, port: containerPort }]] : [],
      ),
    ),
  }
}
