import { registerHooks } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const root = join(import.meta.dirname, '../../..')

/** Changes the source of one module of the product as it is loaded. */
export interface SourceChange {
  /** From the root of the checkout. */
  file: string
  /** @throws when the source is not what the change was made for */
  apply(source: string): string
}

/** For modules that are loaded from now on. */
export function changeSources(changes: readonly SourceChange[]): void {
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context)
      const mine = changes.filter(({ file }) => pathToFileURL(join(root, file)).href === url)
      if (mine.length === 0) return loaded
      const source = mine.reduce((text, change) => change.apply(text), textOf(loaded.source))
      return { ...loaded, source }
    },
  })
}

function textOf(source: unknown): string {
  return typeof source === 'string' ? source : Buffer.from(source as Uint8Array).toString('utf8')
}
