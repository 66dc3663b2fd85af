// Original file: proto/noodle/v1/jobs.proto


export interface ListTiersRequest {
}

export interface ListTiersRequest__Output {
}
