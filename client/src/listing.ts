import type { Page } from './contract.ts'
import type { CallOptions } from './submission.ts'
import type { Call, Query, Transport } from './transport.ts'

/** Of a list. */
export interface PageOptions {
  /** Where the page begins: `nextCursor` of the one before. */
  cursor?: string | undefined
  /** How many items, 1 to 200. Default 50. */
  limit?: number | undefined
}

/** A list that comes in pages. Reading it asks for them one by one: `for await (const item of list)`. */
export interface Listing<Item> extends AsyncIterable<Item> {
  /** One page. */
  page(options?: PageOptions): Promise<Page<Item>>
  /** All pages from a cursor on. */
  pages(options?: PageOptions): AsyncGenerator<Page<Item>, void, undefined>
}

/** Who reads all wants few requests. */
const largestPage = 200

export function makeListing<Item>(
  transport: Transport,
  path: string,
  query: Query,
  { signal }: CallOptions,
): Listing<Item> {
  const page = ({ cursor, limit }: PageOptions = {}): Promise<Page<Item>> => {
    const call: Call = {
      method: 'GET',
      path,
      query: { ...query, ...(cursor !== undefined && { cursor }), limit },
      signal,
    }
    return transport.json<Page<Item>>(call)
  }
  async function* pages({ cursor, limit = largestPage }: PageOptions = {}) {
    let next: string | undefined = cursor
    do {
      const one: Page<Item> = await page({ cursor: next, limit })
      yield one
      next = one.nextCursor ?? undefined
    } while (next !== undefined)
  }
  return {
    page,
    pages,
    async *[Symbol.asyncIterator]() {
      for await (const { items } of pages()) yield* items
    },
  }
}
