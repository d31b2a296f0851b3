"""Read CloudFormation and SAM templates: their YAML, and what their intrinsic functions say."""
