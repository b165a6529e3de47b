"""The 19 operations of the contract as data; permissions, the client and the change flow derive from it.

Source: provisioning/contract/openapi.yaml, `paths`. A test compares this table with the contract.
"""

from dataclasses import dataclass

from provisioning import contract


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the Provisioning API.

    `name` is ours and also the permission that guards it; `kind` is the entity kind it concerns;
    `result` the key of the answer that holds the entity, list or document; `update_of` names the
    schema semantics of a partial write. Secrets are derived from the contract's x-secret marks.
    """

    name: str
    operation_id: str
    kind: str
    result: str
    permission: str
    writes: bool = False
    dangerous: bool = False

    @property
    def spec(self) -> contract.ContractOperation:
        """The operation as the contract states it: method, path, schemas, traits."""
        return contract.contract_operations()[self.operation_id]

    @property
    def request_secrets(self) -> frozenset[tuple[str, ...]]:
        """Paths of the secrets in the request body, array levels as "*"."""
        name = self.spec.request_schema
        return contract.secret_paths(name) if name else frozenset()

    @property
    def request_references(self) -> frozenset[str]:
        """Names of the properties of the request body, at any depth, that hold GUIDs of entities."""
        name = self.spec.request_schema
        return contract.reference_names(name) if name else frozenset()

    @property
    def response_secrets(self) -> frozenset[tuple[str, ...]]:
        """Paths of the secrets in the answer, array levels as "*"."""
        return contract.secret_paths(self.spec.response_schema)


def _read(name: str, operation_id: str, kind: str, result: str) -> Operation:
    return Operation(name, operation_id, kind, result, permission=f"{kind}.view")


def _write(name: str, operation_id: str, kind: str, result: str, *, dangerous: bool = False) -> Operation:
    return Operation(name, operation_id, kind, result, permission=name, writes=True, dangerous=dangerous)


_TABLE = (
    _read("tenant.list", "listTenants", "tenant", "tenants"),
    _write("tenant.update", "updateTenant", "tenant", "tenants"),
    _read("merchant.list", "listMerchants", "merchant", "merchants"),
    _write("merchant.create", "createMerchant", "merchant", "merchant"),
    _write("merchant.update", "updateMerchant", "merchant", "merchant"),
    _read("merchant_user.list", "listMerchantUsers", "merchant_user", "merchantUser"),
    _write("merchant_user.create", "createMerchantUser", "merchant_user", "merchantUser"),
    _write("merchant_user.update", "updateMerchantUser", "merchant_user", "merchantUser"),
    _read("connector.list", "listConnectors", "connector", "connectors"),
    _write("connector.create", "createConnector", "connector", "connector"),
    _write("connector.update", "updateConnector", "connector", "connector"),
    _read("connector.settings", "getConnectorSettings", "connector", "baseConfig"),
    _read("connector.vault_settings", "getConnectorSettingsVault", "connector", "vaultConfig"),
    _read("routing.constraints", "listRoutingConstraints", "routing", "constraints"),
    _read("routing.read", "getConnectorRouting", "routing", "routing"),
    _write("routing.replace", "setConnectorRouting", "routing", "routing", dangerous=True),
    _read("routing.read_multi_method", "getConnectorMultiMethodRouting", "routing", "routing"),
    _write(
        "routing.update_multi_method", "setConnectorMultiMethodRouting", "routing", "routing", dangerous=True
    ),
    _write("nt_enrollment.create", "createNtEnrollment", "nt_enrollment", "enrollmentId", dangerous=True),
)

OPERATIONS: dict[str, Operation] = {operation.name: operation for operation in _TABLE}


def get_operation(name: str) -> Operation:
    """The operation called `name`. Raises KeyError: an unknown operation is an error, never a pass."""
    return OPERATIONS[name]
