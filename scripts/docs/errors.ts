import { statusOfKind } from '../../api/http/problem.ts'
import { errorCodes } from '../../queue/domain/errors.ts'
import { jobErrorCodes } from '../../queue/domain/job-errors.ts'
import { code, page, table } from './markdown.ts'

export function renderErrors(): string {
  const refusals = Object.entries(errorCodes).map(([name, { kind, title, remedy }]) => [
    code(name.toLowerCase().replaceAll('_', '-')),
    String(statusOfKind[kind]),
    title,
    remedy,
  ])
  const jobErrors = Object.entries(jobErrorCodes).map(([name, meaning]) => [code(name), meaning])
  return page(
    'Errors',
    `## Of the API

A refused request is answered with \`application/problem+json\` (RFC 9457): \`type\`, \`title\`, \`status\`, \`detail\`, \`instance\`, the \`requestId\` that stands
on each log line of the request, and \`errors\`, a list of \`{path, message}\`, for fields that are wrong. \`type\` is \`urn:noodle:error:\` and a code of this
table; refusals that belong to HTTP itself (no such page 404, method 405, too large 413, media type 415) have the type \`about:blank\`. A 5xx other than 503
is a fault in Noodle: its log line has the same request id.`,
    table(['code', 'status', 'what', 'what to do'], refusals),
    `## Of jobs

A job that failed, was cancelled or lost its nodes has \`error: {code, message, attempt}\`. Unless it says otherwise, an attempt that ends so is followed by
another while \`retry.maxAttempts\` lasts.`,
    table(['code', 'what'], jobErrors),
  )
}
