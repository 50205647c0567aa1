"""Device families: one file each, one table each. Start with README.md."""
