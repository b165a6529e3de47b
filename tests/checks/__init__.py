"""Linters, types, import rules and style rules, as tests."""
