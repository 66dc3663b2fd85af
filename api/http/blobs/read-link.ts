import { z } from 'zod'
import { linkPath } from '../../blobs/blob-links.ts'
import { downloadReply } from '../../blobs/send-blob.ts'
import type { GatewayDeps } from '../../gateway-deps.ts'
import { route } from '../route.ts'

/** What every answer with a blob may be. */
export const downloadResponses = {
  200: { description: 'The content', contentType: 'application/octet-stream' },
  206: { description: 'The range that was asked for', contentType: 'application/octet-stream' },
  416: { description: 'The range begins after the end' },
  503: { description: 'The blob store is unavailable' },
}

export const readLinkRoute = (deps: GatewayDeps) =>
  route({
    method: 'get',
    path: `${linkPath}/:token`,
    access: 'anyone',
    tag: 'Blobs',
    summary: 'Download by a signed link',
    description:
      'The links of payloadRef, resultRef and artifacts. They need no token, and expire after BLOB_LINK_SECONDS.',
    headers: { Range: 'One range of bytes; several are answered with all.' },
    params: z.object({ token: z.string() }),
    responses: {
      ...downloadResponses,
      403: { description: 'Not one of our links, or one that has expired' },
      404: { description: 'What it leads to is gone' },
    },
    handle: (call) => downloadReply(deps.queue, deps.links.read(call.params.token), call),
  })
