"""What became of the runs, for people and for machines: pages, pictures, words, JUnit.

outcome.py  a run without its moments       thin.py     the moments that a picture needs, of all that there were
facts.py    what is drawn, and in what unit  scale.py    time and values -> places and labels
chart.py    lines over time                  lanes.py    states and contacts over time
marks.py    events, faults, decisions        limits.py   an expectation: its window, its value and its limit
picture.py  all of a run on one time axis    page.py     one run as an HTML page
index.py    many runs as an HTML page        style.py    how pages look
junit.py    for a build server               words.py    for a terminal         story.py    for a householder
phrase.py   facts, devices and faults in words           hazards.py  what H01 to H30 are called

It shows what the judge found and judges nothing. Whatever comes from outside is escaped; a page fetches nothing.
"""
