"""Tests of the gateway side."""
