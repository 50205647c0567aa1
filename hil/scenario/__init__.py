"""What is to happen to a house, and what must be seen on its wires: the language, the reader, the judge.

model.py        a scenario as data            read.py      a file -> a scenario, or file:line and what is wrong
document.py     YAML with its lines           quantity.py  "5 s", "10 A", "+1 h"
events.py       what happens                  faults.py    what a house can suffer, tried out in memory
expects.py      what must be seen             library.py   a scenario for each fault of each device
expression.py   a condition over facts        measure.py   how far from its limit a moment was
judge.py        moments -> findings           watch.py     one expectation while it is looked at
"""
