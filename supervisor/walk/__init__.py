"""The commissioning walk (hazard H28): each load is moved, and what answers is compared with what the documents say.

    amounts.py   every amount, tolerance and time, with its reason
    survey.py    what the documents say: loads to move, places that must answer, contacts
    look.py      one picture of the running product, from the words of its HTTP interface
    watch.py     how the readings have changed, and whether they were calm enough to say so
    mistakes.py  every single mistake of wiring, addresses and documents that a walk can tell from another
    evidence.py  what one step has shown
    judge.py     whether a mistake explains it
    step.py      one load: calm, move, settle, give back, calm
    others.py    the house at rest, and a load that a person switches
    switches.py  one contactor or position: move, look at every contact, give back
    course.py    all steps in order, and the finding at the end
    words.py     findings, remedies and progress in plain words
    record.py    walk.json: what is kept, and what a later `check` asks of it
    client.py    the running product over HTTP
    options.py   the command line and its help
    main.py      the verb

All but client.py and main.py are without I/O: time and pictures are arguments, wishes are answers.
"""
