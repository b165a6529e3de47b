"""The 19 operations of the contract as data; permissions, the client and the change flow derive from it.

Source: provisioning/contract/openapi.yaml. A test compares this table with the contract's `paths`; the
properties below read the schemas.
"""

from dataclasses import dataclass

from provisioning import contract


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the Provisioning API.

    `name` is the portal's name for it, and for a write also the permission it requires. `kind` is the kind of
    entity it concerns. `result` is the key of the answer that holds the entity, list or document. `reader` is
    the operation that shows afterwards what a write did: the list of the parent, or the routing document.
    It is empty for reads and where nothing shows it. `generates` are the secrets that the gateway makes if
    they are not sent (create-connector). The contract (x-secret) says which values are secret.
    """

    name: str
    operation_id: str
    kind: str
    result: str
    permission: str
    reader: str = ""
    writes: bool = False
    dangerous: bool = False
    generates: tuple[str, ...] = ()

    @property
    def creates(self) -> bool:
        """Whether the write makes something whose GUID is only known from the answer."""
        return self.name.endswith(".create")

    @property
    def is_list(self) -> bool:
        """Whether the operation reads the list of all entities of a parent."""
        return self.name.endswith(".list")

    @property
    def is_listed(self) -> bool:
        """Whether a list shows what the write did, so that an entity can be looked for there."""
        return bool(self.reader) and OPERATIONS[self.reader].is_list

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

    @property
    def request_properties(self) -> dict[str, contract.Schema]:
        """Top-level properties of the request body with their schemas."""
        name = self.spec.request_schema
        return {} if name is None else contract.schema(name)["properties"]

    @property
    def time_properties(self) -> frozenset[str]:
        """Top-level properties of the request body that are times in UTC."""
        return frozenset(
            name
            for name, described in self.request_properties.items()
            if described.get("$ref", "").endswith("/IxoDateTime")
        )

    @property
    def partial_updates(self) -> dict[str, tuple[str, str]]:
        """Property of the request → what it does ("add", "remove") to which property of the entity."""
        found = {}
        for name, described in self.request_properties.items():
            action = described.get("x-update-semantics")
            if action in ("add", "remove"):
                concerned = name.removeprefix(action)
                found[name] = (action, concerned[0].lower() + concerned[1:])
        return found

    @property
    def replaced_maps(self) -> frozenset[str]:
        """Maps of the request that replace the stored one as a whole: a key that is not sent is removed."""
        return frozenset(
            name
            for name, described in self.request_properties.items()
            if described.get("x-update-semantics") == "overwrite"
            and contract.resolve(described).get("type") == "object"
        )

    @property
    def unshown_properties(self) -> frozenset[str]:
        """Properties of the request that the reader never shows, such as passwords."""
        if not self.reader:
            return frozenset()
        reader = OPERATIONS[self.reader]
        shown = contract.resolve(contract.schema(reader.spec.response_schema)["properties"][reader.result])
        shown = contract.resolve(shown.get("items", shown))
        return frozenset(self.request_properties) - frozenset(shown["properties"]) - set(self.partial_updates)


def _read(name: str, operation_id: str, result: str) -> Operation:
    kind = name.partition(".")[0]
    return Operation(name, operation_id, kind, result, permission=f"{kind}.view")


def _write(
    name: str,
    operation_id: str,
    result: str,
    *,
    reader: str,
    dangerous: bool = False,
    generates: tuple[str, ...] = (),
) -> Operation:
    return Operation(
        name,
        operation_id,
        name.partition(".")[0],
        result,
        permission=name,
        reader=reader,
        writes=True,
        dangerous=dangerous,
        generates=generates,
    )


_TABLE = (
    _read("tenant.list", "listTenants", "tenants"),
    _write("tenant.update", "updateTenant", "tenants", reader="tenant.list"),
    _read("merchant.list", "listMerchants", "merchants"),
    _write("merchant.create", "createMerchant", "merchant", reader="merchant.list"),
    _write("merchant.update", "updateMerchant", "merchant", reader="merchant.list"),
    _read("merchant_user.list", "listMerchantUsers", "merchantUser"),
    _write("merchant_user.create", "createMerchantUser", "merchantUser", reader="merchant_user.list"),
    _write("merchant_user.update", "updateMerchantUser", "merchantUser", reader="merchant_user.list"),
    _read("connector.list", "listConnectors", "connectors"),
    _write(
        "connector.create",
        "createConnector",
        "connector",
        reader="connector.list",
        generates=("sharedSecret", "publicIntegrationKey"),
    ),
    _write("connector.update", "updateConnector", "connector", reader="connector.list"),
    _read("connector.settings", "getConnectorSettings", "baseConfig"),
    _read("connector.vault_settings", "getConnectorSettingsVault", "vaultConfig"),
    _read("routing.constraints", "listRoutingConstraints", "constraints"),
    _read("routing.read", "getConnectorRouting", "routing"),
    _write("routing.replace", "setConnectorRouting", "routing", reader="routing.read", dangerous=True),
    _read("routing.read_multi_method", "getConnectorMultiMethodRouting", "routing"),
    _write(
        "routing.update_multi_method",
        "setConnectorMultiMethodRouting",
        "routing",
        reader="routing.read_multi_method",
        dangerous=True,
    ),
    _write("nt_enrollment.create", "createNtEnrollment", "enrollmentId", reader="", dangerous=True),
)

OPERATIONS: dict[str, Operation] = {operation.name: operation for operation in _TABLE}


def get_operation(name: str) -> Operation:
    """Return the operation called `name`. Raises KeyError if it is unknown."""
    return OPERATIONS[name]
