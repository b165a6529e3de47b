"""Background work under test: kinds made for it, and real worker processes that know them."""
