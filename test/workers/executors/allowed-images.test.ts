import { expect, test } from '@jest/globals'
import { readAllowedImages } from '../../../workers/executors/allowed-images.ts'

const digest = `sha256:${'ab'.repeat(32)}`
const otherDigest = `sha256:${'cd'.repeat(32)}`

test.each([
  [
    'python:3.13',
    ['python:3.13', 'docker.io/library/python:3.13'],
    ['python:3.12', 'python', `python@${digest}`],
  ],
  ['python', ['python', 'python:3.13', `python@${digest}`], ['python-evil', 'me/python', 'quay.io/python']],
  [`python@${digest}`, [`python@${digest}`, `python:3@${digest}`], ['python', `python@${otherDigest}`]],
  ['python:3.13', [], [`python:3.13@${digest}`]], // the engine would look at the digest only
  [
    'registry.example:5000/team/*',
    ['registry.example:5000/team/a/b:1'],
    ['registry.example:5000/teams/a', 'team/a'],
  ],
  ['me/*', ['me/tool', 'docker.io/me/tool:2'], ['tool', 'quay.io/me/tool', 'me']],
  [digest, [digest], [otherDigest, `python@${digest}`]],
  ['localhost/tool:1', ['localhost/tool:1'], ['tool:1', 'docker.io/localhost/tool:1']],
])('%s allows what it names and nothing else', (entry, allowed, refused) => {
  const images = readAllowedImages([entry])
  expect(allowed.filter((image) => !images.has(image))).toEqual([])
  expect(
    [...refused, '', '../x', 'a b', 'Python', `${entry}\n`].filter((image) => images.has(image)),
  ).toEqual([])
})

test.each(['*', 'a/../b', 'UPPER', 'python:', '/x', `python@sha256:12`, 'x'.repeat(300)])(
  'an entry %s is refused at the start',
  (entry) => {
    expect(() => readAllowedImages(['python', entry])).toThrow('is no image: name a repository')
  },
)
