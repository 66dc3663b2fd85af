// Original file: proto/noodle/v1/workers.proto


export interface GoodbyeRequest {
  'bootId'?: (string);
}

export interface GoodbyeRequest__Output {
  'bootId': (string);
}
