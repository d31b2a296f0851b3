from __future__ import annotations

from pathlib import Path

import pytest

from threeways.emulator.mapping import MappingSettings
from threeways.emulator.provision import provision
from threeways.emulator.server import Emulator
from threeways.emulator.template import load
from threeways.errors import LocalError

TEMPLATE = Path(__file__).parents[2] / "template.yaml"
LEAST = """
Parameters:
  Words: {Type: String}
  Least: {Type: Number, Default: 7}
Globals:
  Function:
    Timeout: 9
    Environment: {Variables: {FROM_GLOBALS: "1", BOTH: globals}}
Resources:
  In: {Type: "AWS::Kinesis::Stream", Properties: {ShardCount: 2}}
  Out: {Type: "AWS::Kinesis::Stream", Properties: {StreamModeDetails: {StreamMode: ON_DEMAND}}}
  Bucket: {Type: "AWS::S3::Bucket", Properties: {BucketName: !Sub "words-${AWS::Region}"}}
  Alarm: {Type: "AWS::CloudWatch::Alarm", Properties: {Threshold: !If [A, 1, 2]}}
  Consumer:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.run
      CodeUri: src
      Environment:
        Variables:
          BOTH: own
          JOINED: !Join ["-", [!Ref Words, !Ref Least, !GetAtt Out.Arn]]
          SUBBED: !Sub ["${Bucket}/${key}/${!literal}/${In.Arn}", {key: !Ref Words}]
          STREAM: !Ref Out
          PART: !Select [1, !Split ["/", !GetAtt Out.Arn]]
          PICKED: !Select ["0", [!Ref Words, b]]
      Events:
        Clock: {Type: Api}
        Records:
          Type: Kinesis
          Properties: {Stream: !GetAtt In.Arn, StartingPosition: LATEST, BatchSize: 5}
"""


@pytest.fixture
def template(tmp_path: Path) -> Path:
    path = tmp_path / "template.yaml"
    path.write_text(LEAST)
    return path


def changed(path: Path, old: str, new: str) -> Path:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path


def test_the_projects_template_describes_its_function_streams_buckets_and_mapping() -> None:
    stack = load(TEMPLATE, {"ModelLocation": "s3://somewhere/model", "RunId": "r1"})
    assert stack.source.name == "ride_events"
    assert {stream.name for stream in stack.streams.values()} == {"ride_events", "ride_predictions"}
    assert set(stack.buckets) == {"ModelBucket", "DeploymentsBucket", "QuarantineBucket", "FailuresBucket"}
    function = stack.function
    assert (function.handler, function.timeout) == ("lambda_function.lambda_handler", 60.0)
    assert function.root == TEMPLATE.parent
    assert function.environment == {
        "PREDICTIONS_STREAM_NAME": "ride_predictions",
        "QUARANTINE_LOCATION": f"s3://{stack.buckets['QuarantineBucket'].name}/quarantine",
        "COUNTS_LOCATION": "",
        "COUNTS_SECONDS": "",
        "FOLLOW": "",
        "FOLLOW_SECONDS": "30",
        "MODEL_LOCATION": "s3://somewhere/model",
        "MODEL_SHA256": "",
        "MODEL_RUNTIME": "",
        "RUN_ID": "r1",
        "TASK": "ride_duration",
        "MODEL_NAME": "",
        "EVENT_ID": "",
        "POWERTOOLS_SERVICE_NAME": "three-ways",
        "AGGREGATE_PREDICTIONS": "false",
        "PARALLELIZATION_FACTOR": "1",
        "OMP_NUM_THREADS": "1",
    }
    assert stack.mapping == MappingSettings(
        starting_position="TRIM_HORIZON",
        batch_size=500,
        window=1,
        report_batch_item_failures=True,
        bisect=True,
        maximum_record_age=21600,
        destination=stack.buckets["FailuresBucket"].name,
    )


def test_parameters_references_and_globals_are_resolved(template: Path) -> None:
    stack = load(template, {"Words": "w"}, region="eu-west-1")
    out = "arn:aws:kinesis:eu-west-1:123456789012:stream/three-ways-out"
    assert stack.function.environment == {
        "FROM_GLOBALS": "1",
        "BOTH": "own",
        "JOINED": f"w-7-{out}",
        "SUBBED": f"words-eu-west-1/w/${{literal}}/{stack.source.arn}",
        "STREAM": "three-ways-out",
        "PART": "three-ways-out",
        "PICKED": "w",
    }
    assert (stack.function.handler, stack.function.timeout, stack.function.memory) == ("app.run", 9.0, 128)
    assert stack.function.root == template.parent / "src"
    assert {stream.logical_id: stream.shards for stream in stack.streams.values()} == {"In": 2, "Out": 4}
    assert stack.mapping == MappingSettings(starting_position="LATEST", batch_size=5)


def test_an_unknown_parameter_and_one_without_a_value_are_named(template: Path) -> None:
    with pytest.raises(LocalError, match=r"no parameter Wrods; it has Words, Least"):
        load(template, {"Wrods": "w"})
    with pytest.raises(LocalError, match="Words has no default"):
        load(template)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "BOTH: own",
            "BOTH: !FindInMap [a, b, c]",
            r"Consumer\.Environment\.Variables\.BOTH uses Fn::FindInMap",
        ),
        ("BOTH: own", "BOTH: !Ref Nothing", "refers to Nothing"),
        ("BOTH: own", "BOTH: !Select [2, [a, b]]", r"BOTH has an Fn::Select of item 2 of \['a', 'b'\]"),
        ("BOTH: own", "BOTH: !Select [-1, [a, b]]", "Fn::Select of item -1"),
        ("BOTH: own", "BOTH: !Select [0, a]", "Fn::Select of item 0 of 'a'"),
        ("BOTH: own", "BOTH: !Select [0]", r"Fn::Select that is not \[index, list\]"),
        ("BOTH: own", "BOTH: !Select [0, !Split [a]]", r"Fn::Split that is not \[separator, text\]"),
        ("BOTH: own", "BOTH: !Select [0, !Split ['', b]]", r"Fn::Split that is not \[separator, text\]"),
        ("BOTH: own", "BOTH: !Select [0, !Split ['/', [b]]]", r"Fn::Split that is not \[separator, text\]"),
        ("BOTH: own", "BOTH: !GetAtt Out.StreamMode", r"asks for Out\.StreamMode"),
        (
            "BatchSize: 5",
            "FilterCriteria: {Filters: [{Pattern: '{'}]}",
            r"Records: FilterCriteria\.Filters\[0\]",
        ),
        ("BatchSize: 5", "TumblingWindowInSeconds: 5", "TumblingWindowInSeconds"),
        ("!GetAtt In.Arn, Starting", "arn:aws:kinesis:elsewhere, Starting", "no stream of the template"),
        (
            "!GetAtt In.Arn, Starting",
            "!Ref In, Starting",
            "reads three-ways-in, which is no stream",
        ),
        ("Type: Kinesis\n", "Type: Api\n", "0 functions' Kinesis events"),
        (
            "Clock: {Type: Api}",
            "Clock: {Type: Kinesis}",
            r"Events\.Clock reads None, which is",
        ),
        ("Resources:", "Resource:", "has no Resources"),
        ("Resources:", "Resources: [", "is not YAML"),
    ],
)
def test_what_cannot_run_here_is_refused_with_its_place(
    template: Path, old: str, new: str, message: str
) -> None:
    with pytest.raises(LocalError, match=message):
        load(changed(template, old, new), {"Words": "w"})


def test_a_template_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="cannot be read"):
        load(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("resource", "attribute", "arn"),
    [
        (
            'Given: {Type: "AWS::SQS::Queue"}',
            "Given.Arn",
            "arn:aws:sqs:us-east-1:123456789012:three-ways-given",
        ),
        (
            'Given: {Type: "AWS::SNS::Topic", Properties: {TopicName: lost}}',
            "Given.TopicArn",
            "arn:aws:sns:us-east-1:123456789012:lost",
        ),
    ],
)
def test_a_queue_or_topic_of_the_template_is_made_and_can_be_the_failure_destination(
    template: Path, emulator: Emulator, resource: str, attribute: str, arn: str
) -> None:
    """docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-onfailure.html"""
    changed(template, "Resources:\n", f"Resources:\n  {resource}\n")
    on_failure = f"{{OnFailure: {{Destination: !GetAtt {attribute}}}}}"
    changed(template, "BatchSize: 5", f"BatchSize: 5, DestinationConfig: {on_failure}")
    changed(template, "{ShardCount: 2}", "{Name: read}")
    changed(
        template, '{BucketName: !Sub "words-${AWS::Region}"}', f"{{BucketName: words-{attribute.lower()}}}"
    )
    changed(template, "{StreamModeDetails: {StreamMode: ON_DEMAND}}", f"{{Name: out-{attribute}}}")
    stack = load(changed(template, "{Name: read}", f"{{Name: read-{attribute}}}"), {"Words": "w"})
    assert stack.mapping.destination == arn
    provision(stack, emulator)
    queues = emulator.client("sqs").list_queues().get("QueueUrls", [])
    topics = [topic["TopicArn"] for topic in emulator.client("sns").list_topics()["Topics"]]
    assert arn in topics or any(url.endswith("/three-ways-given") for url in queues)


def test_a_topics_reference_is_its_arn_and_a_queues_its_url(template: Path) -> None:
    """docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sqs-queue.html"""
    both = '  T: {Type: "AWS::SNS::Topic"}\n  Q: {Type: "AWS::SQS::Queue", Properties: {FifoQueue: true}}\n'
    changed(template, "Resources:\n", f"Resources:\n{both}")
    changed(template, "BOTH: own", "BOTH: !Ref T")
    stack = load(template, {"Words": "w"})
    assert stack.function.environment["BOTH"] == "arn:aws:sns:us-east-1:123456789012:three-ways-t"
    assert stack.queues["Q"].name == "three-ways-q.fifo"
    url = load(changed(template, "BOTH: !Ref T", "BOTH: !Ref Q"), {"Words": "w"}).function.environment["BOTH"]
    assert url == "https://sqs.us-east-1.amazonaws.com/123456789012/three-ways-q.fifo"


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
def test_provisioning_makes_the_streams_and_buckets(template: Path, region: str) -> None:
    stack = load(template, {"Words": "w"}, region=region)
    with Emulator(region=region) as emulator:
        provision(stack, emulator, shards=3)
        kinesis = emulator.client("kinesis")
        for stream in stack.streams.values():
            summary = kinesis.describe_stream_summary(StreamName=stream.name)["StreamDescriptionSummary"]
            assert (summary["OpenShardCount"], summary["StreamARN"]) == (3, stream.arn)
        found = {bucket["Name"] for bucket in emulator.client("s3").list_buckets()["Buckets"]}
        assert found == {f"words-{region}"}
        with pytest.raises(LocalError, match="cannot make"):
            provision(stack, emulator)


def test_a_streams_own_shard_count_holds_without_another(emulator: Emulator, template: Path) -> None:
    stack = load(template, {"Words": "w"})
    provision(stack, emulator)
    summary = emulator.client("kinesis").describe_stream_summary(StreamName=stack.source.name)
    assert summary["StreamDescriptionSummary"]["OpenShardCount"] == 2
    with pytest.raises(LocalError, match="SHARDS is 0"):
        provision(stack, emulator, shards=0)
