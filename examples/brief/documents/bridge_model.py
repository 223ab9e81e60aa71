#!/usr/bin/env python3
"""A model of the double bridge, in which short paths win without anybody measuring them.

Ants walk between a nest and a food source over a bridge with two branches. Each ant marks the junction at which it
enters a branch and the junction at which it leaves it. An ant that stands at a junction smells the marks there and
chooses a branch by the rule that Deneubourg and his colleagues fitted to the Argentine ant: the more marks a branch
carries, the likelier it is to be taken, and the preference grows faster than the marks do.

Four things can be seen when this file is run. With two equal branches, nearly every colony still agrees on one of
them, because the first small difference is amplified. With one branch twice as long as the other, most colonies agree
on the short one, because ants that take it come back sooner and mark its junctions first. When the short branch is
opened only after the long one is marked, every colony stays stuck on the long path, and evaporation alone does not free
it, because the ants keep renewing the marks of the path that they use. When some ants also turn back on the long
branch, fresh marks on the short path outgrow the fading old trail, and every colony moves over; without evaporation the
old marks never fade, and the colonies remain divided.
"""

import heapq
import random
from collections import deque

# The attraction of an unmarked branch. A large value makes the first ants indifferent to small differences, so
# that a colony does not commit itself to the very first path that one ant happens to take.
UNMARKED = 20.0

# The exponent of the choice. With an exponent of one, a colony would divide its traffic in proportion to the marks
# and never agree on a path; with two, a small lead turns into a clear majority.
EXPONENT = 2.0


class Bridge:
    """Two branches between two junctions, with marks at each end of each branch."""

    def __init__(self, lengths, evaporation, turn_back, seed):
        self.lengths = lengths
        self.evaporation = evaporation
        self.turn_back = turn_back
        self.random = random.Random(seed)
        # marks[junction][branch]; junction 0 is at the nest, junction 1 at the food.
        self.marks = [[0.0, 0.0], [0.0, 0.0]]
        self.open = [True, True]
        # A queue of (time of arrival, number, junction, branch, turned), the next arrival first.
        self.travellers = []
        self.sent = 0

    def choose(self, junction):
        """Choose a branch by its share of the marks at this junction alone.

        No ant knows how long a branch is. All that an ant can compare is how strongly the two entrances smell, and
        that is enough, because the smell at an entrance already reflects how quickly others have come back over it.
        """
        if not all(self.open):
            return self.open.index(True)
        first, second = ((UNMARKED + mark) ** EXPONENT for mark in self.marks[junction])
        return 0 if self.random.random() < first / (first + second) else 1

    def enter(self, junction, branch, now):
        """Send one ant over a branch; on a long one it may turn back half way and arrive where it came from."""
        self.marks[junction][branch] += 1.0
        long = self.lengths[branch] > min(self.lengths)
        turned = long and all(self.open) and self.random.random() < self.turn_back
        arrival = (now + self.lengths[branch], self.sent, junction if turned else 1 - junction, branch, turned)
        self.sent += 1
        heapq.heappush(self.travellers, arrival)

    def arrivals(self, now):
        """Take the ants that arrive now; those that crossed the whole branch mark its far entrance."""
        while self.travellers and self.travellers[0][0] <= now:
            _, _, junction, branch, turned = heapq.heappop(self.travellers)
            if not turned:
                self.marks[junction][branch] += 1.0
            yield junction, branch, turned

    def evaporate(self):
        """Let every mark fade by the same share.

        Evaporation is forgetting. A path that ants still use is renewed faster than it fades, while a path that they
        have abandoned loses its attraction, so old mistakes cannot outvote new experience for ever.
        """
        for marks in self.marks:
            for branch, mark in enumerate(marks):
                marks[branch] = mark * (1.0 - self.evaporation)


def run(lengths, evaporation=0.0, turn_back=0.0, opened_at=0, steps=3000, seed=1):
    """Run one colony and return the share of its last 500 choices that fell on branch 0, the short one."""
    bridge = Bridge(lengths, evaporation, turn_back, seed)
    bridge.open[0] = opened_at == 0
    recent = deque(maxlen=500)
    for now in range(steps):
        if now == opened_at:
            bridge.open[0] = True
        for junction, branch, turned in list(bridge.arrivals(now)):
            # An ant that turned back takes the other branch; every other ant chooses anew for its way back.
            chosen = 1 - branch if turned else bridge.choose(junction)
            recent.append(chosen)
            bridge.enter(junction, chosen, now)
        # One fresh ant leaves the nest in every fourth step, until a hundred are on their way.
        if now % 4 == 0 and now < 400:
            bridge.enter(0, bridge.choose(0), now)
        bridge.evaporate()
    return recent.count(0) / len(recent)


def colonies(count=20, **settings):
    """Count the colonies in which more than four fifths of the late traffic use the short branch, or the long one."""
    shares = [run(seed=seed, **settings) for seed in range(count)]
    return sum(share > 0.8 for share in shares), sum(share < 0.2 for share in shares)


def main():
    """Print how many of twenty colonies agree on each branch."""
    late = {"lengths": (20, 40), "opened_at": 1000}
    for name, settings in [
        ("equal branches", {"lengths": (20, 20)}),
        ("one branch twice as long", {"lengths": (20, 40)}),
        ("short branch opened late", late),
        ("late, marks evaporate", {**late, "evaporation": 0.01}),
        ("late, some ants turn back", {**late, "turn_back": 0.3}),
        ("late, both", {**late, "evaporation": 0.01, "turn_back": 0.3}),
    ]:
        short, long = colonies(**settings)
        print(f"{name:28} short {short:2}  long {long:2}  undecided {20 - short - long:2}")


if __name__ == "__main__":
    main()
