"""Tests of the embedded gateway, over HTTP and by its commands."""
