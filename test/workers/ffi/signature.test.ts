import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { readTypeNames, typeOfWords } from '../../../workers/ffi/c-types.ts'
import { Misfit, toC, toJson } from '../../../workers/ffi/ffi-values.ts'
import { rangeOf } from '../../../workers/ffi/ffi-schema.ts'
import { ffiManifest } from '../../../workers/ffi/ffi-manifest.ts'
import { readSignature } from '../../../workers/ffi/signature.ts'

const read = (text: string, more: Record<string, unknown> = {}) =>
  readSignature(ffiManifest.parse({ library: 'libtest.so', function: text, ...more }))

test.each([
  ['unsigned', 4, false],
  ['unsigned int', 4, false],
  ['int', 4, true],
  ['signed', 4, true],
  ['short int', 2, true],
  ['unsigned short int', 2, false],
  ['long', 8, true],
  ['long int', 8, true],
  ['unsigned long long int', 8, false],
  ['long long', 8, true],
  ['signed char', 1, true],
  ['unsigned char', 1, false],
  ['const volatile int', 4, true],
  ['uint16_t', 2, false],
  ['size_t', 8, false],
  ['enum color', 4, true],
])('%s is an integer of %i bytes', (words, bytes, isSigned) => {
  expect(typeOfWords(words.split(' '), new Map())).toMatchObject({ kind: 'integer', bytes, isSigned })
})

test.each(['long double', 'float int', 'constructor', 'toString', 'point', 'unsigned float', ''])(
  '%j is no type',
  (words) => {
    expect(typeOfWords(words.split(' '), new Map())).toBeNull()
  },
)

test('a struct is as large as C makes it', () => {
  const names = readTypeNames({
    byte: 'unsigned char',
    inner: { a: 'byte', b: 'double' },
    outer: { c: 'char[3]', i: 'inner', s: 'short', list: 'int[2]', last: 'byte' },
  })
  expect([names.get('inner')?.kind === 'struct' && names.get('inner'), names.get('outer')]).toMatchObject([
    { bytes: 16 },
    { bytes: 40 },
  ])
})

test('parameters without a name get one, and names may stand behind or before stars and brackets', () => {
  const { name, parameters } = read(
    'double f(double, const int *const xs, enum color c, struct p q, unsigned n[3]);',
    {
      types: { p: { x: 'int' } },
      params: { n: { direction: 'in' } },
    },
  )
  expect(name).toBe('f')
  expect(parameters.map((one) => [one.name, one.shape, one.length])).toEqual([
    ['arg1', 'none', null],
    ['xs', 'single', null],
    ['c', 'none', null],
    ['q', 'none', null],
    ['n', 'list', 3],
  ])
})

test.each([
  ['cos', 'is no prototype'],
  ['double cos', 'is no prototype'],
  ['double (double x)', 'has no name'],
  ['int f(int x, int x)', 'the name x is taken'],
  ['int f(int returns)', 'the name returns is taken'],
  ['int printf(const char *format, ...)', 'any number of arguments'],
  [
    'void qsort(void *base, int (*compare)(const void *, const void *))',
    'pointers to functions are not supported',
  ],
  ['int f(char **names)', 'is a pointer to pointers'],
  ['int f(const int *xs[3])', 'is a pointer to pointers'],
  ['void *malloc(size_t n)', 'returns a pointer'],
  ['int *f(void)', 'returns a pointer'],
  ['int f(void x)', "can't be void"],
  ['int f(int *x)', 'say by params.x.direction'],
  ['int f(FILE *stream)', 'has a type that is not known'],
  ['int f(int x; int y)', 'is no declaration of C'],
  ['int f(int a b)', 'has a type that is not known'],
])('%s is refused: %s', (text, message) => {
  expect(() => read(text)).toThrow(message)
})

test.each([
  [{ params: { y: {} } }, 'params.y is no parameter'],
  [{ params: { xs: { direction: 'in' }, n: { direction: 'out' } } }, 'is passed by value'],
  [
    { params: { xs: { direction: 'out' }, n: { lengthOf: 'xs' } } },
    'params.xs.length must say how much memory',
  ],
  [{ params: { n: { lengthOf: 'n' }, xs: { direction: 'in' } } }, 'must name a list'],
  [{ params: { xs: { direction: 'out', length: 'missing' } } }, 'must name an integer parameter'],
  [{ params: { xs: { direction: 'out', length: 5_000_000 } } }, 'more than 16777216 bytes'],
  [
    { params: { xs: { direction: 'out', length: 3, resultLength: 'n' } } },
    'must name an integer that comes out',
  ],
  [{ params: { xs: { direction: 'in', value: 3 } } }, 'can only be null'],
  [{ params: { xs: { direction: 'in' }, n: { value: null } } }, 'it is no pointer'],
  [{ params: { xs: { direction: 'in' } }, types: { 'a b': 'int' } }, 'is no name of a type'],
  [{ params: { xs: { direction: 'in' } }, types: { a: { p: 'int *' } } }, 'pointers within structs'],
  [
    { params: { xs: { direction: 'in' } }, types: { a: { p: 'later' }, later: 'int' } },
    'named before they are used',
  ],
  [{ params: { xs: { direction: 'in' } }, types: { a: { p: 'int[99999999]' } } }, '16777216 bytes at most'],
  [{ params: { xs: { direction: 'in' } }, types: { a: {} } }, 'has no members'],
])('a manifest that says %j is refused: %s', (more, message) => {
  expect(() => read('int f(int *xs, int n)', more)).toThrow(message)
})

test('whole numbers of each width are taken when they fit, and no others', () => {
  const widths = fc.constantFrom<1 | 2 | 4 | 8>(1, 2, 4, 8)
  fc.assert(
    fc.property(
      widths,
      fc.boolean(),
      fc.bigInt({ min: -(2n ** 66n), max: 2n ** 66n }),
      (bytes, isSigned, n) => {
        const { min, max } = rangeOf({ bytes, isSigned })
        const told = Number.isSafeInteger(Number(n)) ? Number(n) : String(n)
        const take = () => toC(told, { kind: 'integer', bytes, isSigned }, 'n')
        if (n < min || n > max) expect(take).toThrow(Misfit)
        else expect(toJson(take())).toBe(told)
      },
    ),
  )
})
