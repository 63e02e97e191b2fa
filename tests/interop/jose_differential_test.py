"""A second opinion about signatures: 50,000 tokens, good and mutated, verified by evergrant's code and by the npm package jose.

evergrant may be stricter, never laxer. Every difference is one of jose_differential/explained.json, with its reason. The choice
of mutations comes from SEED; the keys, and with them the signatures, are new in each run. SEED and COUNT can be had from the
environment, to look further.
"""

import json
import os
import subprocess
import unittest

from real_provider import HERE, node

FOLDER = HERE / "jose_differential"
SEED = os.environ.get("SEED", "4")
COUNT = int(os.environ.get("COUNT", "50000"))


def opinions():
    corpus = subprocess.Popen([os.environ["JOSE_DIFFERENTIAL"], SEED, str(COUNT)], stdout=subprocess.PIPE)
    answer = subprocess.run([node(), str(FOLDER / "second_opinion.mjs")], stdin=corpus.stdout, stdout=subprocess.PIPE, check=True)
    corpus.stdout.close()
    if status := corpus.wait():
        raise RuntimeError(f"the corpus ended with status {status}")
    return json.loads(answer.stdout)


class JoseDifferential(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.found = opinions()
        cls.explained = {(entry["what"], entry["difference"]): entry
                         for entry in json.loads((FOLDER / "explained.json").read_text())}

    def differences(self):
        return {(each["what"], each["difference"]): each for each in self.found["differences"]}

    def test_nothing_is_accepted_that_jose_refuses(self):
        self.assertEqual([each for each in self.found["differences"] if not each["difference"].startswith("stricter")], [])

    def test_every_difference_is_explained(self):
        self.assertEqual([each for key, each in self.differences().items() if key not in self.explained], [])

    def test_every_explanation_is_needed(self):
        found = self.differences()
        self.assertEqual([key for key, entry in self.explained.items() if key not in found and not entry.get("seldom")], [])
        self.assertTrue(all(entry["reason"] for entry in self.explained.values()))

    def test_the_corpus_holds_what_it_should(self):
        self.assertEqual(self.found["total"], COUNT)
        sums = {name: sum(kind[name] for kind in self.found["kinds"].values()) for name in ("both", "neither", "different")}
        print(f"\n{COUNT} tokens of {len(self.found['kinds'])} kinds, {len(self.differences())} differences: {sums}")
        self.assertGreater(sums["both"], COUNT / 10)
        self.assertGreater(sums["neither"], COUNT / 3)
        for name, kind in self.found["kinds"].items():
            if name.startswith("header: good") or name.startswith("good"):
                self.assertEqual((kind["neither"], kind["different"]), (0, 0), name)


if __name__ == "__main__":
    unittest.main()
