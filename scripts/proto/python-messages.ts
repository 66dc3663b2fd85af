import { join } from 'node:path'
import protobuf from 'protobufjs'

const label = { optional: 1, repeated: 3 }
/** FieldDescriptorProto.Type, of the types that are words. */
const types: Record<string, number> = {
  ...{
    double: 1,
    float: 2,
    int64: 3,
    uint64: 4,
    int32: 5,
    fixed64: 6,
    fixed32: 7,
    bool: 8,
    string: 9,
    bytes: 12,
  },
  ...{ uint32: 13, sfixed32: 15, sfixed64: 16, sint32: 17, sint64: 18 },
}
const ofMessage = 11
const ofEnum = 14

const package_ = 'noodle.v1'
const lineBytes = 60

/**
 * The messages of a file of ours and of those that it imports, as a module of Python like those that protoc writes. So nobody needs protoc to change the
 * protocol, and no one version of it is tied to that of the runtime.
 * @throws Error when it imports messages of another package
 */
export function renderPythonMessages(file: string, protoFolder: string): string {
  const root = new protobuf.Root()
  root.resolvePath = (_, target) => join(protoFolder, target)
  root.loadSync(file, { keepCase: true }).resolveAll()
  const found = root.lookup(package_)
  if (!(found instanceof protobuf.Namespace)) throw new Error(`${file} has no package ${package_}.`)
  const messages = found.nestedArray.filter((one) => one instanceof protobuf.Type)
  const enums = found.nestedArray.filter((one) => one instanceof protobuf.Enum)
  const bytes = Buffer.concat([
    text(1, `${package_.replaceAll('.', '/')}/python.proto`),
    text(2, package_),
    ...messages.map((message) => part(4, encodeMessage(message))),
    ...enums.map((one) => part(5, encodeEnum(one))),
    text(12, 'proto3'),
  ])
  const encoded = bytes.toString('base64')
  const lines = encoded.match(new RegExp(`.{1,${String(lineBytes * 2)}}`, 'g')) ?? []
  return `"""The messages of ${file} as classes of protobuf. Made from it by \`npm run proto\`, as protoc would."""

import base64

from google.protobuf import descriptor_pool
from google.protobuf.internal import builder

DESCRIPTOR = descriptor_pool.Default().AddSerializedFile(
    base64.b64decode(
        """
${lines.join('\n')}
"""
    )
)
builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())
builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, __name__, globals())
`
}

/** DescriptorProto. */
function encodeMessage(message: protobuf.Type): Buffer {
  // What `optional` makes is a oneof of its own; protobuf wants these last.
  const isSynthetic = (oneof: protobuf.OneOf): boolean => oneof.fieldsArray.some(isOptional)
  const oneofs = [...message.oneofsArray].sort((a, b) => Number(isSynthetic(a)) - Number(isSynthetic(b)))
  const nested = message.nestedArray.filter((one) => one instanceof protobuf.Type)
  const maps = message.fieldsArray.filter((one) => one instanceof protobuf.MapField)
  return Buffer.concat([
    text(1, message.name),
    ...message.fieldsArray.map((field) => part(2, encodeField(field, oneofs))),
    ...nested.map((one) => part(3, encodeMessage(one))),
    ...maps.map((field) => part(3, encodeEntry(field))),
    ...oneofs.map(({ name }) => part(8, text(1, name))),
  ])
}

const isOptional = (field: protobuf.Field): boolean => field.options?.['proto3_optional'] === true

/** FieldDescriptorProto. */
function encodeField(field: protobuf.Field, oneofs: readonly protobuf.OneOf[]): Buffer {
  const isMap = field instanceof protobuf.MapField
  return Buffer.concat([
    text(1, field.name),
    number(3, field.id),
    number(4, isMap || field.repeated ? label.repeated : label.optional),
    ...(isMap
      ? [number(5, ofMessage), text(6, `${field.parent?.fullName ?? ''}.${entryName(field)}`)]
      : [encodeType(field)]),
    ...(field.partOf ? [number(9, oneofs.indexOf(field.partOf))] : []),
    ...(isOptional(field) ? [number(17, 1)] : []),
  ])
}

/** Its type, and the name of that, where it has one. */
function encodeType({ type, resolvedType }: Pick<protobuf.Field, 'type' | 'resolvedType'>): Buffer {
  if (!resolvedType) return number(5, types[type] ?? 0)
  const kind = resolvedType instanceof protobuf.Enum ? ofEnum : ofMessage
  return Buffer.concat([number(5, kind), text(6, resolvedType.fullName)])
}

/** As protoc names the message that a map is made of. */
const entryName = ({ name }: protobuf.MapField): string =>
  `${name.replace(/(?:^|_)([a-z])/g, (_, first: string) => first.toUpperCase())}Entry`

function encodeEntry(field: protobuf.MapField): Buffer {
  const member = (name: string, id: number, type: Buffer): Buffer =>
    part(2, Buffer.concat([text(1, name), number(3, id), number(4, label.optional), type]))
  return Buffer.concat([
    text(1, entryName(field)),
    member('key', 1, number(5, types[field.keyType] ?? 0)),
    member('value', 2, encodeType(field)),
    part(7, number(7, 1)),
  ])
}

/** EnumDescriptorProto. */
const encodeEnum = ({ name, values }: protobuf.Enum): Buffer =>
  Buffer.concat([
    text(1, name),
    ...Object.entries(values).map(([key, value]) => part(2, Buffer.concat([text(1, key), number(2, value)]))),
  ])

// As protobuf writes fields: https://protobuf.dev/programming-guides/encoding

function varint(value: number): Buffer {
  const bytes: number[] = []
  for (let left = value; ; left >>>= 7) {
    bytes.push((left & 0x7f) | (left > 0x7f ? 0x80 : 0))
    if (left <= 0x7f) return Buffer.from(bytes)
  }
}

const number = (field: number, value: number): Buffer => Buffer.concat([varint(field << 3), varint(value)])

const part = (field: number, bytes: Buffer): Buffer =>
  Buffer.concat([varint((field << 3) | 2), varint(bytes.length), bytes])

const text = (field: number, value: string): Buffer => part(field, Buffer.from(value))
