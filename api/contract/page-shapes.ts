import { z } from 'zod'
import { QueueError } from '../../queue/domain/errors.ts'

/** A number in a query, where everything is text. */
export const numberText = z
  .string()
  .regex(/^\d{1,9}$/, 'must be a whole number')
  .transform(Number)

/** `limit` and `cursor` of every list. */
export const pageQuery = {
  limit: numberText
    .pipe(z.number().int().min(1, 'must be 1 to 200').max(200, 'must be 1 to 200'))
    .default(50)
    .describe('How many items, 1 to 200.'),
  cursor: z.string().max(200).optional().describe('`nextCursor` of the page before.'),
}

/** A page: its items and where the next begins, null at the end. */
export const pageOf = <T extends z.ZodType>(item: T) =>
  z.object({ items: z.array(item), nextCursor: z.string().nullable() })

const cursorShape = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** Lists run by id, newest first, so a cursor is the last id of its page; clients see only an opaque text. @throws INVALID_REQUEST */
export function readCursor(cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined
  const id = Buffer.from(cursor, 'base64url').toString('utf8')
  if (cursorShape.test(id)) return id
  throw new QueueError(
    'INVALID_REQUEST',
    'cursor is not one that a list answered; leave it out to begin anew.',
    { fields: [{ path: 'cursor', message: 'must be a nextCursor' }] },
  )
}

/** Cuts a page out of rows of which one more than `limit` was asked for. */
export function toPage<Row, View>(
  rows: readonly Row[],
  limit: number,
  idOf: (row: Row) => string,
  view: (row: Row) => View,
): { items: View[]; nextCursor: string | null } {
  const items = rows.slice(0, limit)
  const last = items.at(-1)
  return {
    items: items.map(view),
    nextCursor:
      rows.length > limit && last !== undefined ? Buffer.from(idOf(last)).toString('base64url') : null,
  }
}

/** An id of ours in a path. Another text is no id that exists. */
export const idParam = z.object({ id: z.uuid('must be an id, such as 01a2097b-1793-70a3-be59-6d2352228e64') })
