"""The people side: a Django project through which staff manage the gateway's entities."""
