/** A C type, as far as JSON can tell its values. Sizes are those of 64-bit systems with LP64: Linux and macOS. */
export type CType =
  | { kind: 'void' }
  | { kind: 'bool'; bytes: 1 }
  /** `isChar`: many of them are a text. */
  | { kind: 'integer'; bytes: 1 | 2 | 4 | 8; isSigned: boolean; isChar?: true }
  | { kind: 'float'; bytes: 4 | 8 }
  /** `char name[N]` within a struct: text that ends at the first NUL. */
  | { kind: 'text'; bytes: number }
  | { kind: 'array'; of: CType; length: number; bytes: number }
  | { kind: 'struct'; name: string; members: readonly { name: string; type: CType }[]; bytes: number }

/** What a signature says, and can't be. */
export class SignatureError extends Error {}

/** Types by the names that a manifest gives them. */
export type TypeNames = ReadonlyMap<string, CType>

/** Of a fixed array, struct or buffer. */
export const mostBytes = 16_777_216

const integer = (bytes: 1 | 2 | 4 | 8, isSigned = true): CType => ({ kind: 'integer', bytes, isSigned })

/** By the words in alphabetical order, without what adds nothing: `long unsigned int` is `long unsigned`. */
const basics: Readonly<Record<string, CType>> = {
  void: { kind: 'void' },
  bool: { kind: 'bool', bytes: 1 },
  _Bool: { kind: 'bool', bytes: 1 },
  char: { kind: 'integer', bytes: 1, isSigned: true, isChar: true },
  'char signed': integer(1),
  'char unsigned': integer(1, false),
  short: integer(2),
  'short unsigned': integer(2, false),
  int: integer(4),
  unsigned: integer(4, false),
  long: integer(8),
  'long unsigned': integer(8, false),
  'long long': integer(8),
  'long long unsigned': integer(8, false),
  float: { kind: 'float', bytes: 4 },
  double: { kind: 'float', bytes: 8 },
  size_t: integer(8, false),
  ssize_t: integer(8),
  ptrdiff_t: integer(8),
  intptr_t: integer(8),
  uintptr_t: integer(8, false),
  off_t: integer(8),
  time_t: integer(8),
  ...Object.fromEntries(
    ([1, 2, 4, 8] as const).flatMap((bytes) => [
      [`int${String(bytes * 8)}_t`, integer(bytes)],
      [`uint${String(bytes * 8)}_t`, integer(bytes, false)],
    ]),
  ),
}

/** Words that don't change how a value is passed. */
const idle = new Set([
  'const',
  'volatile',
  'restrict',
  '__restrict',
  '__restrict__',
  'struct',
  'enum',
  'extern',
  'register',
])

/** A type by its words; null when they are none. `enum` of any name is an `int`. */
export function typeOfWords(words: readonly string[], names: TypeNames): CType | null {
  const said = words.filter((word) => !idle.has(word))
  if (words.includes('enum')) return said.length === 1 ? integer(4) : null
  const [only = ''] = said
  if (said.length === 1 && names.has(only)) return names.get(only) ?? null
  const isLengthened = said.some((word) => ['long', 'short', 'unsigned', 'signed'].includes(word))
  const kept = said.filter(
    (word) => !(word === 'int' && isLengthened) && !(word === 'signed' && !said.includes('char')),
  )
  const key = kept.length === 0 && said.includes('signed') ? 'int' : kept.sort().join(' ')
  return Object.hasOwn(basics, key) ? (basics[key] ?? null) : null
}

/** @throws SignatureError */
export function arrayOf(of: CType, length: number): CType {
  if (of.kind === 'void') throw new SignatureError('there is no array of void')
  if (!Number.isSafeInteger(length) || length < 1 || length * of.bytes > mostBytes)
    throw new SignatureError(`an array must have 1 element or more, and ${String(mostBytes)} bytes at most`)
  if (of.kind === 'integer' && of.isChar) return { kind: 'text', bytes: length }
  return { kind: 'array', of, length, bytes: length * of.bytes }
}

const memberPattern = /^([A-Za-z_][\w\s]*?)\s*(?:\[(\d+)\])?$/

/** What a manifest says of its types: a name for another type (`"uint": "unsigned int"`), or the members of a struct. Each may use those before it. @throws SignatureError */
export function readTypeNames(
  types: Readonly<Record<string, string | Readonly<Record<string, string>>>>,
): TypeNames {
  const names = new Map<string, CType>()
  const read = (text: string, what: string): CType => {
    const [, words = '', length] = memberPattern.exec(text.trim()) ?? []
    const type = typeOfWords(words.split(/\s+/), names)
    if (!type)
      throw new SignatureError(
        `${what} has the type \`${text}\`, which is not known; pointers within structs are not supported, and types must be named before they are used`,
      )
    return length === undefined ? type : arrayOf(type, Number(length))
  }
  for (const [name, told] of Object.entries(types)) {
    if (!/^[A-Za-z_]\w*$/.test(name)) throw new SignatureError(`types.${name} is no name of a type`)
    if (typeof told === 'string') {
      names.set(name, read(told, `types.${name}`))
      continue
    }
    const members = Object.entries(told).map(([member, text]) => {
      if (!/^[A-Za-z_]\w*$/.test(member))
        throw new SignatureError(`types.${name}.${member} is no name of a member`)
      const type = read(text, `types.${name}.${member}`)
      if (type.kind === 'void') throw new SignatureError(`types.${name}.${member} can't be void`)
      return { name: member, type }
    })
    if (members.length === 0) throw new SignatureError(`types.${name} has no members`)
    names.set(name, { kind: 'struct', name, members, bytes: structBytes(members.map(({ type }) => type)) })
  }
  return names
}

function structBytes(members: readonly CType[]): number {
  let bytes = 0
  for (const member of members) bytes = alignedTo(bytes, alignmentOf(member)) + bytesOf(member)
  const total = alignedTo(bytes, Math.max(...members.map(alignmentOf)))
  if (total > mostBytes) throw new SignatureError(`a struct may have ${String(mostBytes)} bytes at most`)
  return total
}

const alignedTo = (bytes: number, alignment: number): number => Math.ceil(bytes / alignment) * alignment

export const bytesOf = (type: CType): number => (type.kind === 'void' ? 1 : type.bytes)

function alignmentOf(type: CType): number {
  switch (type.kind) {
    case 'void':
    case 'text':
      return 1
    case 'array':
      return alignmentOf(type.of)
    case 'struct':
      return Math.max(...type.members.map((member) => alignmentOf(member.type)))
    case 'bool':
    case 'integer':
    case 'float':
      return type.bytes
  }
}
