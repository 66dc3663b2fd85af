// Original file: proto/noodle/v1/workers.proto


export interface KeepArtifactsResponse {
  'isKept'?: (boolean);
}

export interface KeepArtifactsResponse__Output {
  'isKept': (boolean);
}
