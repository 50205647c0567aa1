"""What the wires say, as data: one table per device family, shared by the product and the rig."""
