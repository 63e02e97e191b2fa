#!/usr/bin/python3
"""That the kills can find a loss: on a disk that lies, and under a profile that is wrong, they must."""

import os
import unittest

from kill_oracle import Violation
from kill_shard import Shard

SEED = int(os.environ.get("KILL_SEED", "1"))
MOST_KILLS = 60


class FailingTest(unittest.TestCase):
    def violation(self, name, power, **weak):
        shard = Shard(name, SEED, **weak)
        self.addCleanup(shard.close)
        with self.assertRaises(Violation) as found:
            shard.run(MOST_KILLS, power)
            shard.check_end()
        print(f"after {sum(shard.ends.values())} kills: {str(found.exception)[:100]}", flush=True)
        return str(found.exception)

    def test_a_disk_that_keeps_nothing_it_was_told_to_sync_is_found_out(self):
        self.assertRegex(self.violation("always_with_grace", ("nothing",), disk="lies"),
                         "answers were lost|given to a caller|nothing on disk|connection is gone")

    def test_a_disk_that_lies_and_tears_is_found_out(self):
        self.assertRegex(self.violation("sometimes", ("some",), disk="lies"),
                         "answers were lost|given to a caller|nothing on disk|connection is gone|cannot be read|ended by itself")

    def test_requests_without_a_record_of_them_are_found_out(self):
        """A profile that says "never rotates" leaves the attempt out; where the values do change that is a loss."""
        self.assertIn("nothing on disk tells of it", self.violation("sometimes", ("none",), told_rotation="never"))

    def test_a_grant_that_ends_is_not_missed(self):
        """Under strictness a lost answer ends a grant, and the oracle knows which; here it is not told that this may be."""
        shard = Shard("always_strict", SEED)
        self.addCleanup(shard.close)
        shard.may_have_ended = lambda realm: False
        shard.run(20)
        self.assertGreater(shard.lost_answers, 0)
        with self.assertRaisesRegex(Violation, "a grant was lost"):
            shard.check_end()


if __name__ == "__main__":
    unittest.main(verbosity=2)
