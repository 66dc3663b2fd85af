import { z } from 'zod'
import { artifactKey, artifactNameProblem } from '../../../queue/domain/blob.ts'
import { QueueError } from '../../../queue/domain/errors.ts'
import type { Job } from '../../../queue/domain/job.ts'
import type { ShownArtifact } from '../../../queue/store/artifacts-table.ts'
import { findJob } from '../../../queue/use-cases/find-job.ts'
import type { Download } from '../../blobs/blob-links.ts'
import { contentTypeOf, downloadReply } from '../../blobs/send-blob.ts'
import { artifactView } from '../../contract/job-shapes.ts'
import { idParam, numberText, pageOf, pageQuery, toPage } from '../../contract/page-shapes.ts'
import { downloadResponses } from '../blobs/read-link.ts'
import type { GatewayDeps } from '../../gateway-deps.ts'
import { actorOf, route } from '../route.ts'

const ofAttempt = numberText.optional().describe('Of this attempt; by default of the newest that has ended.')

export const listArtifactsRoute = (deps: GatewayDeps) =>
  route({
    method: 'get',
    path: '/v1/jobs/:id/artifacts',
    access: 'read',
    tag: 'Jobs',
    summary: "List a job's artifacts",
    description:
      'The files that an attempt left in its folder of artifacts, by name, each with a signed link.',
    params: idParam,
    query: z.strictObject({
      limit: pageQuery.limit,
      cursor: z.string().max(1000).optional().describe('`nextCursor` of the page before.'),
      attempt: ofAttempt,
    }),
    responses: {
      200: { description: 'A page of artifacts', schema: pageOf(artifactView) },
      404: { description: 'No such job, or another tenant’s' },
    },
    async handle(call) {
      const { limit, cursor, attempt = null } = call.query
      const job = await findJob(deps.queue, actorOf(call), call.params.id)
      const artifacts = await deps.queue.artifacts.list(job.id, {
        attempt,
        limit: limit + 1,
        after: readNameCursor(cursor),
      })
      const body = toPage(
        artifacts,
        limit,
        ({ name }) => name,
        (artifact) => toView(deps, job, artifact),
      )
      return { status: 200, body }
    },
  })

export const getArtifactRoute = (deps: GatewayDeps) =>
  route({
    method: 'get',
    path: '/v1/jobs/:id/artifacts/*name',
    access: 'read',
    tag: 'Jobs',
    summary: 'Download an artifact',
    headers: { Range: 'One range of bytes; several are answered with all.' },
    params: idParam.extend({ name: z.string().describe('As it is listed; slashes may stand as they are.') }),
    query: z.strictObject({ attempt: ofAttempt }),
    responses: {
      ...downloadResponses,
      404: { description: 'No such job or artifact, or another tenant’s' },
    },
    async handle(call) {
      const { id, name } = call.params
      const job = await findJob(deps.queue, actorOf(call), id)
      const isName = artifactNameProblem(name) === null
      const found = isName ? await deps.queue.artifacts.find(id, name, call.query.attempt ?? null) : null
      if (!found)
        throw new QueueError(
          'ARTIFACT_NOT_FOUND',
          `Job ${id} has no artifact ${JSON.stringify(name.slice(0, 200))}.`,
        )
      return downloadReply(deps.queue, toDownload(job, found), call)
    },
  })

function toDownload(job: Job, { name, bytes, sha256, fence }: ShownArtifact): Download {
  const { id, tenant } = job
  return { ref: { key: artifactKey({ id, tenant, fence }, name), bytes, sha256 }, filename: fileOf(name) }
}

const fileOf = (name: string): string => name.slice(name.lastIndexOf('/') + 1)

const toView = (deps: GatewayDeps, job: Job, artifact: ShownArtifact): z.output<typeof artifactView> => ({
  name: artifact.name,
  attempt: artifact.attempt,
  bytes: artifact.bytes,
  sha256: artifact.sha256,
  contentType: contentTypeOf(artifact.name),
  url: deps.links.pathOf(toDownload(job, artifact)),
})

/** @throws INVALID_REQUEST */
function readNameCursor(cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined
  const name = Buffer.from(cursor, 'base64url').toString('utf8')
  if (artifactNameProblem(name) === null) return name
  throw new QueueError(
    'INVALID_REQUEST',
    'cursor is not one that a list answered; leave it out to begin anew.',
    {
      fields: [{ path: 'cursor', message: 'must be a nextCursor' }],
    },
  )
}
