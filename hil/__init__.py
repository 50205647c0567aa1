"""The test rig: a second, independent reading of the tables in dbc/. It shares no code with the product."""
