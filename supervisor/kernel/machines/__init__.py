"""The state machines, one file each, declared with python-statemachine.

Nothing here runs in the cycle: the loader compiles each class to a table (compiler.py) and the cycle runs the table.
Rules for a declaration
* Events are listed in order of precedence: in one state the first event whose guard holds is taken.
* A guard is a conjunction of facts: ``"shown_open and not wanted"``. Alternatives are further transitions.
* A state that waits for the world has a transition on ``late``.
"""
