import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { documents } from '../scripts/docs/documents.ts'

test.each(Object.keys(documents))('%s says what the code says (npm run docs writes it)', (file) => {
  expect(readFileSync(join(import.meta.dirname, '..', file), 'utf8')).toBe(documents[file]?.())
})
