// Original file: proto/noodle/v1/jobs.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { CancelRequest as _noodle_v1_CancelRequest, CancelRequest__Output as _noodle_v1_CancelRequest__Output } from '../../noodle/v1/CancelRequest.ts';
import type { GetRequest as _noodle_v1_GetRequest, GetRequest__Output as _noodle_v1_GetRequest__Output } from '../../noodle/v1/GetRequest.ts';
import type { Job as _noodle_v1_Job, Job__Output as _noodle_v1_Job__Output } from '../../noodle/v1/Job.ts';
import type { ListTiersRequest as _noodle_v1_ListTiersRequest, ListTiersRequest__Output as _noodle_v1_ListTiersRequest__Output } from '../../noodle/v1/ListTiersRequest.ts';
import type { ListTiersResponse as _noodle_v1_ListTiersResponse, ListTiersResponse__Output as _noodle_v1_ListTiersResponse__Output } from '../../noodle/v1/ListTiersResponse.ts';

export interface JobServiceClient extends grpc.Client {
  Cancel(argument: _noodle_v1_CancelRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_Job__Output>): grpc.ClientUnaryCall;
  Cancel(argument: _noodle_v1_CancelRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_noodle_v1_Job__Output>): grpc.ClientUnaryCall;
  Cancel(argument: _noodle_v1_CancelRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_Job__Output>): grpc.ClientUnaryCall;
  Cancel(argument: _noodle_v1_CancelRequest, callback: grpc.requestCallback<_noodle_v1_Job__Output>): grpc.ClientUnaryCall;
  cancel(argument: _noodle_v1_CancelRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_Job__Output>): grpc.ClientUnaryCall;
  cancel(argument: _noodle_v1_CancelRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_noodle_v1_Job__Output>): grpc.ClientUnaryCall;
  cancel(argument: _noodle_v1_CancelRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_Job__Output>): grpc.ClientUnaryCall;
  cancel(argument: _noodle_v1_CancelRequest, callback: grpc.requestCallback<_noodle_v1_Job__Output>): grpc.ClientUnaryCall;
  
  Get(argument: _noodle_v1_GetRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_Job__Output>): grpc.ClientUnaryCall;
  Get(argument: _noodle_v1_GetRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_noodle_v1_Job__Output>): grpc.ClientUnaryCall;
  Get(argument: _noodle_v1_GetRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_Job__Output>): grpc.ClientUnaryCall;
  Get(argument: _noodle_v1_GetRequest, callback: grpc.requestCallback<_noodle_v1_Job__Output>): grpc.ClientUnaryCall;
  get(argument: _noodle_v1_GetRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_Job__Output>): grpc.ClientUnaryCall;
  get(argument: _noodle_v1_GetRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_noodle_v1_Job__Output>): grpc.ClientUnaryCall;
  get(argument: _noodle_v1_GetRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_Job__Output>): grpc.ClientUnaryCall;
  get(argument: _noodle_v1_GetRequest, callback: grpc.requestCallback<_noodle_v1_Job__Output>): grpc.ClientUnaryCall;
  
  ListTiers(argument: _noodle_v1_ListTiersRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_ListTiersResponse__Output>): grpc.ClientUnaryCall;
  ListTiers(argument: _noodle_v1_ListTiersRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_noodle_v1_ListTiersResponse__Output>): grpc.ClientUnaryCall;
  ListTiers(argument: _noodle_v1_ListTiersRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_ListTiersResponse__Output>): grpc.ClientUnaryCall;
  ListTiers(argument: _noodle_v1_ListTiersRequest, callback: grpc.requestCallback<_noodle_v1_ListTiersResponse__Output>): grpc.ClientUnaryCall;
  listTiers(argument: _noodle_v1_ListTiersRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_ListTiersResponse__Output>): grpc.ClientUnaryCall;
  listTiers(argument: _noodle_v1_ListTiersRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_noodle_v1_ListTiersResponse__Output>): grpc.ClientUnaryCall;
  listTiers(argument: _noodle_v1_ListTiersRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_noodle_v1_ListTiersResponse__Output>): grpc.ClientUnaryCall;
  listTiers(argument: _noodle_v1_ListTiersRequest, callback: grpc.requestCallback<_noodle_v1_ListTiersResponse__Output>): grpc.ClientUnaryCall;
  
}

export interface JobServiceHandlers extends grpc.UntypedServiceImplementation {
  Cancel: grpc.handleUnaryCall<_noodle_v1_CancelRequest__Output, _noodle_v1_Job>;
  
  Get: grpc.handleUnaryCall<_noodle_v1_GetRequest__Output, _noodle_v1_Job>;
  
  ListTiers: grpc.handleUnaryCall<_noodle_v1_ListTiersRequest__Output, _noodle_v1_ListTiersResponse>;
  
}

export interface JobServiceDefinition extends grpc.ServiceDefinition {
  Cancel: MethodDefinition<_noodle_v1_CancelRequest, _noodle_v1_Job, _noodle_v1_CancelRequest__Output, _noodle_v1_Job__Output>
  Get: MethodDefinition<_noodle_v1_GetRequest, _noodle_v1_Job, _noodle_v1_GetRequest__Output, _noodle_v1_Job__Output>
  ListTiers: MethodDefinition<_noodle_v1_ListTiersRequest, _noodle_v1_ListTiersResponse, _noodle_v1_ListTiersRequest__Output, _noodle_v1_ListTiersResponse__Output>
}
