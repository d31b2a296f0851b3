"""The rule pack: cfn-lint loads every module here."""
