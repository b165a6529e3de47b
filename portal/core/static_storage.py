"""Static files as they are served: hashed names, compressed, and their addresses looked up once."""

from whitenoise.storage import CompressedManifestStaticFilesStorage  # type: ignore[import-untyped]


class AssetStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """WhiteNoise's storage with cached addresses: a page has thirty, and they change only with a restart."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self._addresses: dict[str, str] = {}

    def url(self, name: str | None, force: bool = False) -> str:
        """Return the address of a file. Raises ValueError if the manifest does not list it."""
        known = self._addresses.get(name) if name and not force else None
        if known is None:
            known = str(super().url(name, force))
            if name and not force:
                self._addresses[name] = known
        return known
