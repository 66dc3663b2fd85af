import type { PackageDefinition } from '@grpc/proto-loader'
import { servicesOf } from '../proto/load-protocol.ts'

/** What clients rely on, each part by its place: a field or value by its number, a method by its name. */
export type Schema = Record<string, string>

interface FieldDescriptor {
  name: string
  number: number
  type: string
  typeName: string
  label: string
  proto3Optional?: boolean
}

interface EnumDescriptor {
  name: string
  value: { name: string; number: number }[]
}

interface MessageDescriptor {
  name: string
  field: FieldDescriptor[]
  nestedType: MessageDescriptor[]
  enumType: EnumDescriptor[]
}

/** What proto-loader tells of a method beyond what grpc-js wants to know. */
interface Types {
  requestType: { type: MessageDescriptor }
  responseType: { type: MessageDescriptor }
}

/** Describes the messages, enums and services of the protocol, but for those that protobuf itself brings. */
export function describeSchema(protocol: PackageDefinition): Schema {
  const schema: Schema = {}
  for (const [name, found] of Object.entries(protocol)) {
    if (name.startsWith('google.protobuf.') || !('format' in found)) continue
    if (found.format === 'Protocol Buffer 3 EnumDescriptorProto')
      addEnum(schema, name, found.type as EnumDescriptor)
    else addMessage(schema, name, found.type as MessageDescriptor)
  }
  for (const [service, methods] of servicesOf(protocol))
    for (const [name, method] of Object.entries(methods)) {
      const { requestStream, responseStream, requestType, responseType } = method as typeof method & Types
      const request = `${requestStream ? 'stream ' : ''}${requestType.type.name}`
      schema[`${service}/${name}`] =
        `${request} -> ${responseStream ? 'stream ' : ''}${responseType.type.name}`
    }
  return Object.fromEntries(Object.entries(schema).sort(([a], [b]) => (a < b ? -1 : 1)))
}

function addEnum(schema: Schema, name: string, { value }: EnumDescriptor): void {
  for (const one of value) schema[`${name} ${one.number}`] = one.name
}

function addMessage(schema: Schema, name: string, message: MessageDescriptor): void {
  for (const field of message.field) {
    const repeated = field.label === 'LABEL_REPEATED' ? 'repeated ' : ''
    const optional = field.proto3Optional ? 'optional ' : ''
    const type = field.typeName || field.type.replace('TYPE_', '').toLowerCase()
    schema[`${name} ${field.number}`] = `${repeated}${optional}${type} ${field.name}`
  }
  for (const nested of message.nestedType) addMessage(schema, `${name}.${nested.name}`, nested)
  for (const nested of message.enumType) addEnum(schema, `${name}.${nested.name}`, nested)
}

/** What a client of the released schema would trip over: a sentence for each part that is gone, or is another. What is new breaks nobody. */
export const findBreaks = (released: Schema, present: Schema): string[] =>
  Object.entries(released).flatMap(([place, was]) => {
    const is = present[place]
    if (is === was) return []
    return [is === undefined ? `${place} is gone: ${was}` : `${place} is ${is}, and was ${was}`]
  })
