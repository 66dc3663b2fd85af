import type { BlobPiece } from '../../../proto/generated/noodle/v1/BlobPiece.ts'
import type { ClaimedJob } from '../../../queue/domain/job.ts'
import { readBlob } from '../../../queue/use-cases/read-blob.ts'
import type { QueueDeps } from '../../../queue/use-cases/queue-deps.ts'
import type { Send } from '../method.ts'

/** What goes in one message. */
const pieceBytes = 262_144
/** Of a link: it is followed at once, and a node that comes late asks again. */
const linkSeconds = 300

/** Sends the payload of a job, or a link to it where the node takes one and the store has them. @throws BLOB_LOST, BLOBS_UNAVAILABLE */
export async function sendPayload(
  { blobs }: Pick<QueueDeps, 'blobs'>,
  { payload, payloadRef }: Pick<ClaimedJob, 'payload' | 'payloadRef'>,
  options: { gone: AbortSignal; takesLink: boolean; send: Send<BlobPiece> },
): Promise<void> {
  const { gone, takesLink, send } = options
  if (takesLink && payloadRef && blobs.linkTo) {
    await send({ link: await blobs.linkTo(payloadRef.key, linkSeconds) })
    return
  }
  const content = payloadRef
    ? await readBlob({ blobs }, payloadRef, gone)
    : [Buffer.from(JSON.stringify(payload))]
  for await (const piece of content as AsyncIterable<Buffer>)
    for (let at = 0; at < piece.length; at += pieceBytes)
      await send({ data: piece.subarray(at, at + pieceBytes) })
}
