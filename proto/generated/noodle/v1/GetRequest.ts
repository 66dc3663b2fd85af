// Original file: proto/noodle/v1/jobs.proto


export interface GetRequest {
  'id'?: (string);
}

export interface GetRequest__Output {
  'id': (string);
}
