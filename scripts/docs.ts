/*
 * Writes the documents that are made from the code. `npm run docs` after a change of options, errors, metrics, states or commands;
 * test/docs.test.ts fails when they differ.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { documents } from './docs/documents.ts'

for (const [file, render] of Object.entries(documents)) {
  writeFileSync(join(import.meta.dirname, '..', file), render())
  console.log(`wrote ${file}`)
}
