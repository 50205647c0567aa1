"""What the broker keeps for us: the retained messages that we want there, and those that must go.

Rules
* A message is said again only when it differs from what was said last, unless it is asked for.
* What the broker shows us below our own topics and we do not want there is taken away: a device that has left the
  site, a state that somebody else wrote. What we do want there and somebody else changed is said again.
* What is found is remembered (FOUND_MAX of them) and put right with the next picture, once we know what exists.

This file must never know what a message means.
"""

from __future__ import annotations

from supervisor.gateway.mqtt.heard import Heard, Mouth

FOUND_MAX = 10_000


class Shelf:
    """Retained messages below topics that are ours alone. ``foreign``: how often another one wrote there."""

    def __init__(self, mouth: Mouth) -> None:
        self._mouth = mouth
        self._wanted: dict[str, bytes] = {}
        self._said: dict[str, bytes] = {}
        self._found: dict[str, None] = {}
        self._settled = False
        self.foreign = 0

    def put(self, topic: str, payload: bytes, again: bool = False) -> None:
        """This is to be kept under ``topic``. ``again``: say it even when it was said."""
        self._wanted[topic] = payload
        if again or self._said.get(topic) != payload:
            self._say(topic, payload)

    def keep_only(self, topics: set[str]) -> None:
        """Everything that is to be kept is in ``topics``: the rest is taken away, also what was found at the broker."""
        self._settled = True
        for topic in [topic for topic in self._wanted if topic not in topics]:
            del self._wanted[topic]
            self._said.pop(topic, None)
            self._found[topic] = None
        self.correct()

    def found(self, heard: Heard) -> None:
        """The broker has shown us something under a topic that only we should write. It is put right at the next
        picture and not at once: two who both think that a topic is theirs must not drive each other on."""
        if heard.payload == self._wanted.get(heard.topic, b""):
            return
        self.foreign += 0 if heard.retain else 1
        if len(self._found) < FOUND_MAX:
            self._found[heard.topic] = None

    def correct(self) -> None:
        """Put right what was found; what is not wanted only goes when we know what is."""
        for topic in [topic for topic in self._found if self._settled or topic in self._wanted]:
            wanted = self._wanted.get(topic)
            if self._mouth.say(topic, wanted or b"", retain=True):
                del self._found[topic]
                if wanted is not None:
                    self._said[topic] = wanted

    def forget(self) -> None:
        """The broker may have lost everything: whatever is put from now on is said."""
        self._said.clear()

    def clear(self) -> None:
        """Nothing is to be kept any more."""
        self.keep_only(set())

    def _say(self, topic: str, payload: bytes) -> None:
        if self._mouth.say(topic, payload, retain=True):
            self._said[topic] = payload
        else:
            self._said.pop(topic, None)
