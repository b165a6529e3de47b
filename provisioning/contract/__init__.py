"""Reads the vendored contract (openapi.yaml): schemas, validators, examples and which paths are secret.

Called by `operations`, `entities`, `gateway` and the embedded gateway. Knows nothing of HTTP or Django.
"""

from provisioning.contract.reader import (
    ContractOperation,
    Schema,
    contract_examples,
    contract_operations,
    document,
    enum_descriptions,
    published_examples,
    reference_names,
    resolve,
    schema,
    secret_paths,
    validator,
)

__all__ = [
    "ContractOperation",
    "Schema",
    "contract_examples",
    "contract_operations",
    "document",
    "enum_descriptions",
    "published_examples",
    "reference_names",
    "resolve",
    "schema",
    "secret_paths",
    "validator",
]
