"""Read texts that are kept in Secrets Manager: database URLs, which hold passwords.

docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
"""

from __future__ import annotations

import re

from threeways.aws import clients, errors
from threeways.errors import SettingsError

_ARN = re.compile(r"arn:aws[a-z-]*:secretsmanager:(?P<region>[a-z0-9-]+):[0-9]{12}:secret:.+")


def resolved(value: str, variable: str) -> str:
    """Return the text of the secret whose ARN a value is; any other value as it is.

    variable: the setting that has the value. Raises SettingsError where it cannot be read or is no URL.
    """
    found = _ARN.fullmatch(value)
    if not found:
        return value

    def refused(error: Exception) -> SettingsError:
        return SettingsError(
            f"{variable}: the secret {value} cannot be read: {error}; check that it is there, and that the "
            "role may secretsmanager:GetSecretValue on it (and kms:Decrypt, where it has a key of its own)"
        )

    with errors.named(refused, ValueError):
        client = clients.client("secretsmanager", region=found["region"])
        answer = client.get_secret_value(SecretId=value)
    text = str(answer.get("SecretString") or "").strip()
    if not text or text.startswith("{"):
        raise SettingsError(
            f"{variable}: the secret {value} is no URL; its text has to be the whole database URL, "
            "postgresql://user:password@host/database, and not JSON"
        )
    return text
