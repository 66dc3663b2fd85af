import type { RequestListener } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { cleanUp } from '../../../support/clean-up.ts'
import { namespace, podObject, scaleObject } from './api-objects.ts'
import type { Cluster } from './cluster-double.ts'

/** A rule of a Role, as the manifests have it. */
export interface Rule {
  apiGroups: string[]
  resources: string[]
  resourceNames?: string[]
  verbs: string[]
}

/** What the server says instead of doing what it is asked. */
export interface Refusal {
  status: number
  reason: string
  headers?: Record<string, string>
  /** The request is carried out all the same. */
  isDone?: boolean
}

interface Asked {
  verb: string
  group: string
  resource: string
  name: string | undefined
}

/**
 * A double of the API server in front of a double of a cluster: TLS, bearer tokens, RBAC by the rules of a Role, the scale subresource with its resourceVersion,
 * lists in pages whose tokens expire, merge patches with a uid, and Status objects for what is refused. It speaks HTTP/1.1 and JSON only.
 */
export async function openApiServer(
  cluster: Cluster,
  { cert, key, tokens, rules }: { cert: string; key: string; tokens: Set<string>; rules: Rule[] },
) {
  const told = {
    requests: [] as string[],
    connections: 0,
    pageSize: 500,
    refusals: [] as Refusal[],
    /** Called before a request is carried out, which it may leave without an answer. */
    before: undefined as ((asked: Asked) => unknown) | undefined,
  }
  /** The pages that a list has yet to give. */
  const rests = new Map<string, ReturnType<typeof podObject>[]>()

  const mayDo = ({ verb, group, resource, name }: Asked): boolean =>
    rules.some(
      (rule) =>
        rule.verbs.includes(verb) &&
        rule.apiGroups.includes(group) &&
        rule.resources.includes(resource) &&
        (!rule.resourceNames || rule.resourceNames.includes(name ?? '')),
    )

  const answer: RequestListener = (request, response) => {
    const send = (status: number, body: object, headers: Record<string, string> = {}) =>
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
    const refuse = ({ status, reason, headers }: Refusal, message = reason) =>
      send(
        status,
        { kind: 'Status', apiVersion: 'v1', status: 'Failure', message, reason, code: status },
        headers,
      )

    void text(request).then((body) => {
      const url = new URL(request.url ?? '', 'https://api')
      const asked = readRequest(request.method ?? '', url)
      if (!tokens.has(request.headers.authorization?.replace(/^Bearer /, '') ?? ''))
        return refuse({ status: 401, reason: 'Unauthorized' })
      if (!asked) return refuse({ status: 404, reason: 'NotFound' })
      const { verb, group, resource, name } = asked
      told.requests.push([verb, resource, resource === 'pods' ? '' : name].filter(Boolean).join(' '))
      if (!mayDo(asked))
        return refuse(
          { status: 403, reason: 'Forbidden' },
          `${resource}.${group} "${name ?? ''}" is forbidden: User "system:serviceaccount:noodle:noodle-master" cannot ${verb} resource`,
        )
      if (told.before?.(asked) === 'hang') return
      const refusal = told.refusals.shift()
      if (refusal && !refusal.isDone) return refuse(refusal)
      const done = act(asked, url, body, request.headers['content-type'] ?? '')
      cluster.advance(0)
      return refusal ? refuse(refusal) : 'refusal' in done ? refuse(done.refusal) : send(200, done.object)
    })
  }

  function act(
    { verb, name = '' }: Asked,
    url: URL,
    body: string,
    type: string,
  ): { object: object } | { refusal: Refusal } {
    const notFound = { refusal: { status: 404, reason: 'NotFound' } }
    const conflict = { refusal: { status: 409, reason: 'Conflict' } }
    if (verb === 'list') return listPage(url)
    if (verb === 'patch') {
      if (type !== 'application/merge-patch+json')
        return { refusal: { status: 415, reason: 'UnsupportedMediaType' } }
      const { metadata } = JSON.parse(body)
      const pod = [...cluster.pods.values()].find((one) => one.name === name)
      if (!pod) return notFound
      if (metadata.uid !== undefined && metadata.uid !== pod.uid) return conflict
      return { object: podObject(cluster.annotate(pod.uid, metadata.annotations) ?? pod) }
    }
    const deployment = cluster.deployments.get(name)
    if (!deployment) return notFound
    if (verb === 'get') return { object: scaleObject(deployment) }
    const { metadata, spec, kind } = JSON.parse(body)
    if (kind !== 'Scale' || !Number.isInteger(spec.replicas))
      return { refusal: { status: 422, reason: 'Invalid' } }
    if (!cluster.setScale(name, spec.replicas, { version: Number(metadata.resourceVersion) })) return conflict
    return { object: scaleObject(deployment) }
  }

  function listPage(url: URL): { object: object } | { refusal: Refusal } {
    const next = url.searchParams.get('continue')
    const [, name] = /^deployment=(.+)$/.exec(url.searchParams.get('labelSelector') ?? '') ?? []
    const all = [...cluster.pods.values()].filter(({ deployment }) => deployment === name).map(podObject)
    const left = next === null ? all : rests.get(next)
    if (!left) return { refusal: { status: 410, reason: 'Expired' } }
    const items = left.slice(0, told.pageSize)
    const rest = left.slice(items.length)
    const token = `page-${String(told.requests.length)}`
    if (rest.length > 0) rests.set(token, rest)
    const metadata = {
      resourceVersion: String(cluster.state.version),
      ...(rest.length > 0 && { continue: token }),
    }
    return { object: { apiVersion: 'v1', kind: 'PodList', metadata, items } }
  }

  const server = createServer({ cert, key }, answer)
  server.on('secureConnection', () => told.connections++)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanUp(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return {
    told,
    url: `https://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    /** The tokens of lists that were begun are worth nothing any more. */
    expirePages: () => rests.clear(),
  }
}

const scalePath = new RegExp(`^/apis/apps/v1/namespaces/${namespace}/deployments/([^/]+)/scale$`)
const podPath = new RegExp(`^/api/v1/namespaces/${namespace}/pods(?:/([^/]+))?$`)

function readRequest(method: string, { pathname }: URL): Asked | null {
  const scale = scalePath.exec(pathname)
  const verbs: Record<string, string> = { GET: 'get', PUT: 'update', PATCH: 'patch' }
  const verb = verbs[method] ?? method
  if (scale) return { verb, group: 'apps', resource: 'deployments/scale', name: scale[1] }
  const pod = podPath.exec(pathname)
  if (!pod) return null
  return {
    verb: pod[1] === undefined && method === 'GET' ? 'list' : verb,
    group: '',
    resource: 'pods',
    name: pod[1],
  }
}
