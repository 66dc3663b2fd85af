// Original file: proto/noodle/v1/workers.proto


export interface TaskOffer {
  'name'?: (string);
  'version'?: (string);
  'description'?: (string);
  'payloadSchemaJson'?: (Buffer | Uint8Array | string);
  'resultSchemaJson'?: (Buffer | Uint8Array | string);
  'kind'?: (string);
  'deterministic'?: (boolean);
  'defaultsJson'?: (Buffer | Uint8Array | string);
  'secrets'?: (string)[];
}

export interface TaskOffer__Output {
  'name': (string);
  'version': (string);
  'description': (string);
  'payloadSchemaJson': (Buffer);
  'resultSchemaJson': (Buffer);
  'kind': (string);
  'deterministic': (boolean);
  'defaultsJson': (Buffer);
  'secrets': (string)[];
}
