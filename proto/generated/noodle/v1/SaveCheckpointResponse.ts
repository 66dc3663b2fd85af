// Original file: proto/noodle/v1/workers.proto


export interface SaveCheckpointResponse {
  'isKept'?: (boolean);
}

export interface SaveCheckpointResponse__Output {
  'isKept': (boolean);
}
