"""Conformance vectors of the stream format: small named files, what they hold, and files that must be refused."""
