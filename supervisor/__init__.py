"""Powerwarden, a safety supervisor for the power supply of a house."""
