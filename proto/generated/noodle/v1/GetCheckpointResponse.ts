// Original file: proto/noodle/v1/workers.proto


export interface GetCheckpointResponse {
  'valueJson'?: (Buffer | Uint8Array | string);
}

export interface GetCheckpointResponse__Output {
  'valueJson': (Buffer);
}
