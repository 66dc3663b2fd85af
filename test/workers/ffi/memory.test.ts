import { expect, test } from '@jest/globals'
import type { Json } from '../../../queue/domain/job.ts'
import { ffiManifest } from '../../../workers/ffi/ffi-manifest.ts'
import { toC } from '../../../workers/ffi/ffi-values.ts'
import { isOverrun, makeMemory, readMemory } from '../../../workers/ffi/memory.ts'
import { type Parameter, readSignature } from '../../../workers/ffi/signature.ts'

const types = { point: { x: 'double', y: 'float' }, tag: { name: 'char[4]', on: 'bool', at: 'point[2]' } }

/** A parameter as a prototype declares it. */
function parameterOf(text: string, params = {}): Parameter {
  const [parameter] = readSignature(
    ffiManifest.parse({ library: 'libtest.so', function: `void f(${text}, size_t n)`, types, params }),
  ).parameters
  if (!parameter) throw new Error('No parameter.')
  return parameter
}

const wholes = 'must be a whole number from'

test.each<[string, Json, string]>([
  ['uint8_t v', 256, `v ${wholes} 0 to 255`],
  ['uint8_t v', -1, `v ${wholes} 0 to 255`],
  ['uint8_t v', 1.5, `v ${wholes}`],
  ['uint8_t v', 'NaN', `v ${wholes}`],
  ['uint8_t v', '7', `v ${wholes}`],
  ['uint8_t v', null, `v ${wholes}`],
  ['uint8_t v', true, `v ${wholes}`],
  ['short v', 32_768, `v ${wholes} -32768 to 32767`],
  ['unsigned v', 4_294_967_296, `v ${wholes} 0 to 4294967295`],
  ['long v', 2 ** 53, `v ${wholes} -9223372036854775808 to 9223372036854775807`],
  ['long v', '9223372036854775808', `v ${wholes}`],
  ['size_t v', '-1', `v ${wholes} 0 to 18446744073709551615`],
  ['size_t v', '0x1', `v ${wholes}`],
  ['float v', 1e39, 'v must be a number from -3.4028234663852886e+38'],
  ['double v', '1', 'v must be a number'],
  ['bool v', 1, 'v must be true or false'],
  ['point v', { x: 1 }, 'v.y must be a number'],
  ['point v', { x: 1, y: 2, z: 3 }, 'v.z is no member of point'],
  ['point v', [], 'v must be an object'],
  ['tag v', { name: 'four', on: true, at: [] }, 'v.name must be shorter than 4 bytes'],
  ['tag v', { name: 'a', on: true, at: [{ x: 1, y: 2 }] }, 'v.at must be a list of 2'],
  ['tag v', { name: 'a', on: true, at: [{ x: 1, y: 2 }, { x: 1 }] }, 'v.at.1.y must be a number'],
])('%s does not hold %j', (text, value, message) => {
  expect(() => toC(value, parameterOf(text).type, 'v')).toThrow(message)
})

test.each<[string, object, Json, string]>([
  ['const char *v', {}, 'a\0b', 'v must not hold a NUL'],
  ['const char *v', {}, 1, 'v must be a text'],
  ['char *v', { v: { direction: 'inout', length: 4 } }, 'four', 'v must be shorter than 4 bytes'],
  ['const void *v', {}, 'no base64!', 'v must be bytes in base64'],
  ['const void *v', { v: { length: 4 } }, 'YWJj', 'v must have 4 bytes'],
  ['const int *v', { v: { length: 2 } }, [1], 'v must have 2 elements'],
  ['int *v', { v: { direction: 'inout', length: 2 } }, [1, 2, 3], 'v must have at most 2 elements'],
  ['const int *v', { n: { lengthOf: 'v' } }, [1, 2.5], `v.1 ${wholes}`],
  ['const int *v', { n: { lengthOf: 'v' } }, { length: 1 }, 'v must be a list'],
])('the memory of %s (%j) does not take %j', (text, params, value, message) => {
  const parameter = parameterOf(text, params)
  const length = typeof parameter.length === 'number' ? parameter.length : null
  expect(() => makeMemory(parameter, value, length)).toThrow(message)
})

test.each<[string, object, Json]>([
  ['const char *v', {}, 'ünï'],
  ['const void *v', {}, 'AP8='],
  ['const point *v', {}, { x: -0.5, y: 2 }],
  ['const double *v', { n: { lengthOf: 'v' } }, [1, 'NaN', '-Infinity']],
  ['const uint64_t *v', { n: { lengthOf: 'v' } }, [1, '18446744073709551615']],
  [
    'const tag *v',
    {},
    {
      name: 'abc',
      on: true,
      at: [
        { x: 1, y: 2 },
        { x: 3, y: 4 },
      ],
    },
  ],
])('what goes into the memory of %s (%j) comes out again: %j', (text, params, value) => {
  const parameter = parameterOf(text, params)
  const memory = makeMemory(parameter, value, null)
  expect(isOverrun(memory)).toBe(false)
  expect(readMemory(memory, parameter, memory.capacity)).toEqual(value)
})

test('of a memory no more is told than there is, and one byte too far is noticed', () => {
  const parameter = parameterOf('char *v', { v: { direction: 'out', length: 4 } })
  const memory = makeMemory(parameter, undefined, 4)
  memory.buffer.write('abcd')
  expect([1000, 2, 0, -1].map((count) => readMemory(memory, parameter, count))).toEqual([
    'abcd',
    'ab',
    '',
    '',
  ])
  expect(isOverrun(memory)).toBe(false)
  memory.buffer.write('e', 4)
  expect(isOverrun(memory)).toBe(true)
})
