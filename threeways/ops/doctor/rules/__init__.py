"""The pack: cfn-lint loads every module here."""
