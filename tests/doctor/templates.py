"""Templates with faults in them, and without."""

from __future__ import annotations

SEEDED = """
Transform: AWS::Serverless-2016-10-31
Globals:
  Function: {Timeout: 20, Runtime: python3.8, MemorySize: 512}
Parameters:
  Position: {Type: String, Default: LATEST}
Resources:
  Orders: {Type: "AWS::Kinesis::Stream", Properties: {ShardCount: 1}}
  Dead: {Type: "AWS::SQS::Queue"}
  Consumer:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.handler
      CodeUri: src/
      DeadLetterQueue: {Type: SQS, TargetArn: !GetAtt Dead.Arn}
      EventInvokeConfig: {MaximumRetryAttempts: 1}
      ReservedConcurrentExecutions: 1
      Policies:
        - Statement:
            - {Effect: Allow, Action: "dynamodb:*", Resource: !GetAtt Table.Arn}
        - Version: "2012-10-17"
          Statement:
            - {Effect: Allow, Action: ["s3:PutObject", "xray:PutTraceSegments"], Resource: "*"}
      Events:
        Records:
          Type: Kinesis
          Properties:
            Stream: !GetAtt Orders.Arn
            StartingPosition: !Ref Position
            BatchSize: 1000
            MaximumBatchingWindowInSeconds: 60
            ParallelizationFactor: 2
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
"""
"""Faults: LATEST (by a parameter), endless retries, no destination, no partial responses, no bisecting, two
async-only settings, a timeout under the window, an old runtime (from Globals), reserved concurrency under
what two lanes need, a wildcard action and a wildcard resource, and one shard for whatever rate is asked."""

RAW = """{
 "Parameters": {"Age": {"Type": "Number", "Default": 86400}},
 "Resources": {
  "Orders": {"Type": "AWS::Kinesis::Stream", "Properties": {"ShardCount": 2, "RetentionPeriodHours": 24}},
  "Told": {"Type": "AWS::SNS::Topic"},
  "Consumer": {"Type": "AWS::Lambda::Function", "Properties": {
    "Role": "arn:aws:iam::123456789012:role/r", "Handler": "a.b", "Runtime": "python3.13", "Timeout": 30,
    "Code": {"S3Bucket": "b", "S3Key": "k"}}},
  "Live": {"Type": "AWS::Lambda::Alias", "Properties": {
    "Name": "live", "FunctionName": {"Ref": "Consumer"}, "FunctionVersion": "1"}},
  "Async": {"Type": "AWS::Lambda::EventInvokeConfig", "Properties": {
    "FunctionName": {"Ref": "Consumer"}, "Qualifier": "live", "MaximumRetryAttempts": 0}},
  "Mapping": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": {
    "EventSourceArn": {"Fn::GetAtt": ["Orders", "Arn"]}, "FunctionName": {"Ref": "Live"},
    "StartingPosition": "TRIM_HORIZON", "FunctionResponseTypes": ["ReportBatchItemFailures"],
    "BisectBatchOnFunctionError": true, "MaximumRecordAgeInSeconds": {"Ref": "Age"},
    "DestinationConfig": {"OnFailure": {"Destination": {"Ref": "Told"}}}}}
 }
}"""
"""Faults: a record age of all the retention, a topic as the failure destination, an EventInvokeConfig."""

SOUND = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Orders: {Type: "AWS::Kinesis::Stream", Properties: {ShardCount: 2}}
  Failures: {Type: "AWS::S3::Bucket"}
  Consumer:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.handler
      Runtime: python3.13
      CodeUri: src/
      Timeout: 30
      Policies:
        - Statement:
            - {Effect: Allow, Action: "s3:PutObject", Resource: !Sub "${Failures.Arn}/*"}
            - {Effect: Allow, Action: ["xray:PutTraceSegments", "kinesis:ListStreams"], Resource: "*"}
            - {Effect: Deny, Action: "iam:*", Resource: "*"}
      Events:
        Records:
          Type: Kinesis
          Properties:
            Stream: !GetAtt Orders.Arn
            StartingPosition: TRIM_HORIZON
            FunctionResponseTypes: [ReportBatchItemFailures]
            BisectBatchOnFunctionError: true
            MaximumRecordAgeInSeconds: 3600
            DestinationConfig: {OnFailure: {Type: S3, Destination: !GetAtt Failures.Arn}}
"""
