// Original file: proto/noodle/v1/jobs.proto


export interface CancelRequest {
  'id'?: (string);
}

export interface CancelRequest__Output {
  'id': (string);
}
