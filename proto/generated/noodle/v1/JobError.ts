// Original file: proto/noodle/v1/types.proto


export interface JobError {
  'code'?: (string);
  'message'?: (string);
  'attempt'?: (number);
  '_attempt'?: "attempt";
}

export interface JobError__Output {
  'code': (string);
  'message': (string);
  'attempt'?: (number);
  '_attempt'?: "attempt";
}
