"""What is to happen to a house, and what must be seen on its wires: the language, the reader, the judge.

model.py        a scenario as data            read.py     the file -> a scenario, or file:line and what is wrong
expression.py   a condition over facts        judge.py    moments -> findings
"""
