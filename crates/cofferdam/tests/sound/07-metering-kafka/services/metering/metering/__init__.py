"""Adds up usage."""
