"""Linters, types, import rules and house rules, as tests."""
