"""What bites consumers of Kinesis, found in a template or a deployed stack before it bites.

A rule pack for cfn-lint: `make doctor`, or `PYTHONPATH=. cfn-lint --append-rules threeways/ops/doctor/rules`.
`check.examine` runs it, `deployed.fetch` makes a template of a stack as it is.
"""
