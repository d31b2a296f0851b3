"""Find faults of Kinesis consumers in a template or a deployed stack.

A rule pack for cfn-lint: `make doctor`, or `PYTHONPATH=. cfn-lint --append-rules threeways/ops/doctor/rules`.
`check.examine` runs it; `deployed.fetch` builds a template of a deployed stack's current state.
"""
