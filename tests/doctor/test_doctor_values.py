"""docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html"""

from __future__ import annotations

from typing import Any

import pytest
from templates import SOUND

from threeways.aws.cloudformation.values import UNKNOWN
from threeways.ops.doctor.check import examine
from threeways.ops.doctor.values import Reference, TemplateValues

YES, NO, WHO_KNOWS = {"Condition": "Yes"}, {"Condition": "No"}, {"Condition": "WhoKnows"}
TEMPLATE = {
    "Parameters": {
        "Name": {"Type": "String", "Default": "orders"},
        "Given": {"Type": "String"},
        "Kept": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/orders/name"},
    },
    "Mappings": {"Sizes": {"eu": {"Big": 7}}},
    "Conditions": {
        "Yes": {"Fn::Equals": [{"Ref": "Name"}, "orders"]},
        "No": {"Fn::Not": [YES]},
        "WhoKnows": {"Fn::Equals": [{"Ref": "Given"}, "x"]},
        "Loop": {"Condition": "Loop"},
    },
    "Resources": {"Stream": {}, "Bucket": {}},
}
VALUES = TemplateValues(TEMPLATE)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "Name"}, "orders"),
        ({"Ref": "Given"}, UNKNOWN),
        ({"Ref": "Kept"}, UNKNOWN),
        ({"Ref": "AWS::Region"}, UNKNOWN),
        ({"Ref": "Stream"}, Reference("Stream")),
        ({"Fn::GetAtt": ["Stream", "Arn"]}, Reference("Stream", "Arn")),
        ({"Fn::GetAtt": "Stream.Arn"}, Reference("Stream", "Arn")),
        ({"Fn::Sub": "${Stream.Arn}"}, Reference("Stream", "Arn")),
        ({"Fn::Sub": "${Name}/${Bucket.Arn}/${Given}/*"}, "orders/${Bucket.Arn}/${Given}/*"),
        ({"Fn::Sub": ["${x}", {"x": {"Ref": "Name"}}]}, "orders"),
        ({"Fn::Sub": ["${x}", {"x": {"Ref": "Stream"}}]}, Reference("Stream")),
        ({"Fn::Sub": "${!Stream}"}, "${!Stream}"),
        ({"Fn::ForEach::Tags": [], "a": {"Ref": "Name"}}, {"Fn::ForEach::Tags": UNKNOWN, "a": "orders"}),
        ({"Fn::Join": [":", ["a", {"Ref": "Name"}, {"Ref": "Stream"}]]}, "a:orders:${Stream}"),
        ({"Fn::FindInMap": ["Sizes", "eu", "Big"]}, 7),
        ({"Fn::FindInMap": ["Sizes", {"Ref": "AWS::Region"}, "Big"]}, UNKNOWN),
        ({"Fn::ImportValue": "x"}, UNKNOWN),
        ({"Fn::If": ["Yes", 1, 2]}, 1),
        ({"Fn::If": ["No", 1, 2]}, 2),
        ({"Fn::If": ["WhoKnows", 1, 2]}, UNKNOWN),
        ({"Fn::If": ["Loop", 1, 2]}, UNKNOWN),
        (
            {"a": {"Fn::If": ["No", 1, {"Ref": "AWS::NoValue"}]}, "b": [{"Ref": "AWS::NoValue"}, 2]},
            {"b": [2]},
        ),
    ],
)
def test_a_function_is_evaluated_as_far_as_it_can_be_told(value: Any, expected: Any) -> None:
    assert VALUES.of(value) == expected


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"Fn::And": [YES, YES]}, True),
        ({"Fn::And": [YES, NO]}, False),
        ({"Fn::And": [NO, WHO_KNOWS]}, False),
        ({"Fn::And": [YES, WHO_KNOWS]}, UNKNOWN),
        ({"Fn::Or": [NO, YES]}, True),
        ({"Fn::Or": [WHO_KNOWS, YES]}, True),
        ({"Fn::Or": [NO, WHO_KNOWS]}, UNKNOWN),
        ({"Fn::Not": [NO]}, True),
        ({"Fn::Not": [WHO_KNOWS]}, UNKNOWN),
        ("Nowhere", UNKNOWN),
        ({"Fn::Equals": [True, "true"]}, True),
    ],
)
def test_a_condition_holds_fails_or_cannot_be_told(condition: Any, holds: Any) -> None:
    assert VALUES.evaluate(condition, "") == holds


def test_a_resource_whose_condition_fails_is_not_examined() -> None:
    second = SOUND.split("  Consumer:\n")[1].replace("TRIM_HORIZON", "LATEST")
    both = f"{SOUND}  Second:\n    Condition: Never\n{second}"
    never, always = (
        both.replace("Resources:\n", f"Conditions: {{Never: !Equals [a, {b}]}}\nResources:\n", 1)
        for b in "ba"
    )
    assert examine(never, "t") == []
    assert [finding.id for finding in examine(always, "t")] == ["E9701"]
