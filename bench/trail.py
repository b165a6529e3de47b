"""Finds pages to measure by following links, as a person would; doing so also loads the local index."""

import re

from bench.load import Browser

# The path segment of each kind in addresses, by its display name.
PATHS = {"merchant": "merchants", "merchant user": "users", "connector": "connectors"}
_PAGES_EACH = 5


def links_of(browser: Browser, path: str, segment: str) -> list[str]:
    """Return the addresses of the entity pages that a list links to."""
    found = re.findall(rf'<a href="(/sandbox/{segment}/[^"/?]+/)">', browser.get(path).text)
    return list(dict.fromkeys(found))


def entities_find(browser: Browser, *, without: str) -> dict[str, list[str]]:
    """Find up to five pages of each kind in tenants of normal size. Raises RuntimeError without any."""
    tenants = [page for page in links_of(browser, "/sandbox/tenants/", "tenants") if without not in page]
    found: dict[str, list[str]] = {kind: [] for kind in PATHS}
    for tenant in tenants:
        guid = tenant.rstrip("/").rpartition("/")[2]
        for merchant in links_of(browser, f"/sandbox/merchants/?tenant={guid}", "merchants"):
            found["merchant"].append(merchant)
            found["merchant user"] += links_of(browser, f"{merchant}users/", "users")
            found["connector"] += links_of(browser, f"{merchant}connectors/", "connectors")
    if not all(found.values()):
        raise RuntimeError(
            "the demo data lacks " + ", ".join(kind for kind, pages in found.items() if not pages)
        )
    return {kind: pages[:_PAGES_EACH] for kind, pages in found.items()}
