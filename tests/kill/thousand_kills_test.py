#!/usr/bin/python3
"""A thousand kills of the real server, in shards of one provider each: no grant is lost that its provider lets us keep.

KILLS=10000: so many over all shards. KILL_SEED=7: other kills than usual. What a seed repeats is the plan of every life; what
the threads were at when it ended is theirs."""

import os
import time
import unittest

from kill_shard import PROFILES, Shard

KILLS = int(os.environ.get("KILLS", "1000"))
SEED = int(os.environ.get("KILL_SEED", "1"))


class ThousandKills(unittest.TestCase):
    def survive(self, name):
        kills = -(-KILLS // len(PROFILES))
        again = f"KILLS={KILLS} KILL_SEED={SEED} ./test kill -- -R {name}$"
        shard = Shard(name, SEED)
        self.addCleanup(shard.close)
        began = time.monotonic()
        try:
            shard.run(kills)
            ended = shard.check_end()
        finally:
            print(f"{shard.report(time.monotonic() - began)}\n  again: {again}", flush=True)
        self.assertEqual(sum(shard.ends.values()), kills)
        print(f"  {ended} of {len(shard.ids)} grants ended, each with a lost answer behind it, and said so", flush=True)
        return shard, ended

    def test_never(self):
        self.survive("never")

    def test_sometimes(self):
        self.survive("sometimes")

    def test_sometimes_at_once(self):
        self.survive("sometimes_at_once")

    def test_always_with_grace(self):
        self.survive("always_with_grace")

    def test_always_strict(self):
        self.survive("always_strict")


if __name__ == "__main__":
    unittest.main(verbosity=2)
