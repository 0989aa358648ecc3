"""Estimates and the ICC Index -> what the city publishes: disclosure control, files, package, page, approval."""
