// Original file: proto/noodle/v1/workers.proto


export interface ListFencesRequest {
  'jobIds'?: (string)[];
}

export interface ListFencesRequest__Output {
  'jobIds': (string)[];
}
