import { renameSync, writeFileSync } from 'node:fs'

/** Writes JSON that only we may read; never half written. */
export function writePrivately(file: string, content: object): void {
  const unfinished = `${file}.${String(process.pid)}`
  writeFileSync(unfinished, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 })
  renameSync(unfinished, file)
}
