"""docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-conditions.html"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from threeways.aws.cloudformation.values import NO_VALUE
from threeways.emulator.template import load
from threeways.emulator.template_values import Resolver
from threeways.errors import LocalError

DECLARED = {
    "Big": {"Fn::Equals": [{"Ref": "Size"}, "big"]},
    "Paused": {"Fn::Equals": [{"Ref": "Paused"}, True]},
    "Small": {"Fn::Not": [{"Condition": "Big"}]},
    "Both": {"Fn::And": [{"Condition": "Big"}, {"Condition": "Paused"}]},
    "Either": {"Fn::Or": [{"Condition": "Big"}, {"Condition": "Paused"}]},
    "Here": {"Condition": "Either"},
}


def resolver(size: str = "big", paused: str = "true", **more: Any) -> Resolver:
    return Resolver({"Size": size, "Paused": paused}, {}, {**DECLARED, **more})


@pytest.mark.parametrize(
    ("size", "paused", "holding"),
    [
        ("big", "true", {"Big", "Paused", "Both", "Either", "Here"}),
        ("big", "false", {"Big", "Either", "Here"}),
        ("small", "true", {"Small", "Paused", "Either", "Here"}),
        ("small", "false", {"Small"}),
    ],
)
def test_each_function_of_conditions_is_evaluated(size: str, paused: str, holding: set[str]) -> None:
    known = resolver(size, paused)
    assert {name for name in DECLARED if known.is_there(name, "x")} == holding


def test_if_chooses_a_value_and_no_value_takes_away_the_property_or_the_item() -> None:
    value = {
        "chosen": {"Fn::If": ["Big", {"Ref": "Size"}, {"Ref": "Unknown"}]},
        "gone": {"Fn::If": ["Big", {"Ref": "AWS::NoValue"}, 1]},
        "items": [1, {"Fn::If": ["Small", 2, {"Ref": "AWS::NoValue"}]}, 3],
        "text": {"Fn::Join": ["-", [True, {"Fn::If": ["Small", "s", "b"]}]]},
    }
    assert resolver().resolve(value, "x") == {"chosen": "big", "items": [1, 3], "text": "true-b"}
    assert resolver().resolve({"Ref": "AWS::NoValue"}, "x") is NO_VALUE


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"Fn::Equals": ["one"]}, r"Conditions\.Odd is .*Fn::Equals of two values"),
        ({"Fn::Not": [{"Condition": "Big"}, {"Condition": "Big"}]}, "Fn::Not of one condition"),
        ({"Fn::And": [{"Condition": "Big"}]}, "Fn::Or of 2 to 10"),
        ({"Fn::Contains": [["a"], "a"]}, "Fn::Contains"),
        ("Big", "a condition is"),
        ({"Condition": "Odd"}, r"Odd depends on itself: Odd"),
        ({"Condition": "Nowhere"}, "the condition Nowhere, which is not in Conditions"),
        ({"Fn::Equals": [{"Ref": "Nobody"}, 1]}, "refers to Nobody"),
    ],
)
def test_a_condition_that_cannot_be_told_is_refused_by_name(declared: Any, message: str) -> None:
    with pytest.raises(LocalError, match=message):
        resolver(Odd=declared).resolve({"Fn::If": ["Odd", 1, 2]}, "x")


def test_an_if_of_another_shape_is_refused_with_its_place() -> None:
    with pytest.raises(LocalError, match=r"x\.y has an Fn::If that is not"):
        resolver().resolve({"y": {"Fn::If": ["Big", 1]}}, "x")


@pytest.mark.parametrize(
    "value",
    [
        {"Fn::Sub": ["${a}", {"a": ["b"]}]},
        {"Fn::Sub": "${AWS::NoValue}"},
        {"Fn::Join": ["", [{"a": "b"}]]},
        {"Fn::Join": ["", [["a"]]]},
    ],
)
def test_what_is_no_text_is_refused_in_a_text(value: Any) -> None:
    with pytest.raises(LocalError, match=r"x\.y puts a list, a mapping or no value into a text"):
        resolver().resolve({"y": value}, "x")


def test_a_function_that_stands_beside_other_properties_is_refused_too() -> None:
    with pytest.raises(LocalError, match="x uses Fn::ForEach::Tags"):
        resolver().resolve({"Name": 1, "Fn::ForEach::Tags": []}, "x")


TEMPLATE = """
Parameters:
  Extra: {Type: String, Default: "no"}
  Size: {Type: Number, Default: 500}
  Consume: {Type: String, Default: "true"}
Conditions:
  HasExtra: !Equals [!Ref Extra, "yes"]
Resources:
  In:
    Type: AWS::Kinesis::Stream
    Properties:
      Name: !If [HasExtra, named, !Ref AWS::NoValue]
      ShardCount: !If [HasExtra, 2, !Ref AWS::NoValue]
  More: {Type: "AWS::S3::Bucket", Condition: HasExtra}
  Consumer:
    Type: AWS::Serverless::Function
    Properties:
      Timeout: !If [HasExtra, 30, !Ref AWS::NoValue]
      Environment: {Variables: {FLAG: true}}
      Events:
        Records:
          Type: Kinesis
          Properties:
            Stream: !GetAtt In.Arn
            StartingPosition: TRIM_HORIZON
            BatchSize: !Ref Size
            Enabled: !Ref Consume
            ParallelizationFactor: !If [HasExtra, 4, !Ref AWS::NoValue]
"""


def test_what_a_condition_leaves_out_is_not_there_and_what_it_does_not_set_has_its_default(
    tmp_path: Path,
) -> None:
    path = tmp_path / "template.yaml"
    path.write_text(TEMPLATE)
    without, extra = load(path), load(path, {"Extra": "yes"})
    assert (set(without.buckets), set(extra.buckets)) == (set(), {"More"})
    assert (without.source.name, without.source.shards) == ("three-ways-in", 1)
    assert (extra.source.name, extra.source.shards) == ("named", 2)
    assert (without.function.timeout, extra.function.timeout) == (3.0, 30.0)
    assert (without.mapping.parallelization_factor, extra.mapping.parallelization_factor) == (1, 4)
    assert without.function.environment == {"FLAG": "true"}


def test_a_parameter_that_is_given_as_text_counts_as_the_number_or_truth_it_says(tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.write_text(TEMPLATE)
    mapping = load(path, {"Size": "7", "Consume": "false"}).mapping
    assert (mapping.batch_size, mapping.enabled) == (7, False)
