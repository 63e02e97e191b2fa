"""Long lists by cursor: each item once, in order, whatever happens meanwhile; and the event feed, which an application polls."""

import concurrent.futures
import unittest

import evergrant_process as eg

MANY = 230  # more than the largest page


class Pagination(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = eg.DevServer()
        cls.addClassCleanup(cls.server.close)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            cls.ids = list(pool.map(cls.make, range(MANY)))

    @classmethod
    def make(cls, number, tenant=None):
        return cls.server.expect(201, "POST", "/v1/connections", {
            "registration": "sandbox", "tenant": tenant or f"t{number % 3}", "realm": f"r-{tenant}-{number}", "access_token": "at",
            "access_expires_at": 4000000000})["id"]

    def pages(self, path, limit, key=None, between=lambda: None):
        """All pages; a list must end, and must not lead back."""
        cursor, seen = None, set()
        while True:
            page = self.server.expect(200, "GET", f"{path}{'&' if '?' in path else '?'}limit={limit}" + (f"&cursor={cursor}" if cursor else ""), key=key)
            yield page["items"]
            cursor = page["next"]
            if cursor is None or (not page["items"] and cursor in seen):
                return
            self.assertTrue(cursor not in seen or not page["items"], "a cursor leads back")
            seen.add(cursor)
            between()

    def all_of(self, path, limit, **more):
        return [item for page in self.pages(path, limit, **more) for item in page]

    def test_pages_hold_each_item_once_whatever_their_size(self):
        whole = [item["id"] for item in self.all_of("/v1/connections", 200)]
        self.assertEqual(sorted(set(whole)), sorted(whole))
        self.assertLessEqual(set(self.ids), set(whole))
        for limit in (1, 7, 50, 199):
            if limit == 1:
                short = [item["id"] for item in self.all_of("/v1/connections?realm=r-None-5", 1)]
                self.assertEqual([self.ids[5]], short)
                continue
            with self.subTest(limit):
                sizes, ids = [], []
                for page in self.pages("/v1/connections", limit):
                    sizes.append(len(page))
                    ids += [item["id"] for item in page]
                self.assertEqual(whole, ids)
                self.assertEqual({limit}, set(sizes[:-1]), "pages are full but for the last")

    def test_a_filter_holds_on_every_page(self):
        items = self.all_of("/v1/connections?tenant=t1&status=active", 20)
        self.assertEqual({"t1"}, {item["tenant"] for item in items})
        self.assertEqual(len([n for n in range(MANY) if n % 3 == 1]), len(items))

    def test_what_a_caller_may_not_see_leaves_no_gaps(self):
        key = self.server.expect(201, "POST", "/v1/callers", {"name": "t2", "verbs": ["connection:read"], "registrations": ["*"], "tenants": ["t2"]})["key"]
        sizes = [len(page) for page in self.pages("/v1/connections", 10, key=key)]
        self.assertEqual({10}, set(sizes[:-1]))
        self.assertEqual(len([n for n in range(MANY) if n % 3 == 2]), sum(sizes))

    def test_a_list_that_changes_between_pages_keeps_what_was_there(self):
        numbers = iter(range(1000, 2000))
        before = set(self.ids)
        ids = [item["id"] for item in self.all_of("/v1/connections", 40, between=lambda: self.make(next(numbers), "late"))]
        self.assertEqual(len(set(ids)), len(ids))
        self.assertLessEqual(before, set(ids))

    def test_callers_and_the_trail_come_in_pages_too(self):
        made = {self.server.expect(201, "POST", "/v1/callers", {"name": f"n{i}", "verbs": ["connect"]})["id"] for i in range(12)}
        ids = [item["id"] for item in self.all_of("/v1/callers", 5)]
        self.assertEqual(len(set(ids)), len(ids))
        self.assertLessEqual(made, set(ids))
        caller = self.server.expect(201, "POST", "/v1/callers", {"name": "busy", "verbs": ["connection:read"]})
        for i in range(23):  # each asks for something else: what is the same in every respect is one entry
            self.server.expect(404, "GET", f"/v1/connections/con_{i:026}", key=caller["key"])
        trail = self.all_of(f"/v1/audit?caller={caller['id']}", 10)
        self.assertEqual(23, len(trail))
        sequences = [entry["sequence"] for entry in trail]
        self.assertEqual(sorted(sequences, reverse=True), sequences, "newest first")

    def test_the_largest_page_without_a_limit_is_bounded(self):
        self.assertEqual(50, len(self.server.expect(200, "GET", "/v1/connections")["items"]))

    # --- events ---

    def poll(self, cursor, path="/v1/events?limit=200"):
        page = self.server.expect(200, "GET", path + (f"&cursor={cursor}" if cursor else ""))
        return page["items"], page["next"]

    def test_an_application_polls_events_with_the_last_cursor_it_has_seen(self):
        seen, cursor = [], None
        while True:
            items, following = self.poll(cursor)
            seen += items
            if not items:
                break
            self.assertIsNotNone(following, "after events there is always a position to go on from")
            cursor = following
        self.assertEqual(cursor, following, "where nothing is new, the position stays")
        self.assertLessEqual(set(self.ids), {event["connection"] for event in seen if event["type"] == "imported"})
        self.assertEqual(sorted(e["sequence"] for e in seen), [e["sequence"] for e in seen], "oldest first")
        self.assertEqual(([], cursor), self.poll(cursor))
        late = self.make(1, "poller")
        items, following = self.poll(cursor)
        self.assertEqual([("imported", late)], [(e["type"], e["connection"]) for e in items])
        self.assertNotEqual(cursor, following)
        self.assertEqual(([], following), self.poll(following))

    def test_a_poll_of_one_connection_goes_on_in_the_same_way(self):
        grant = self.server.control("POST", "/grants", {"client_id": "sandbox-client", "realm": "901", "scope": "com.intuit.quickbooks.accounting"})
        con = self.server.expect(201, "POST", "/v1/connections", {
            "registration": "sandbox", "tenant": "one", "realm": "901", "access_token": grant["access_token"], "refresh_token": grant["refresh_token"],
            "access_expires_at": grant["access_expires_at"]})["id"]
        path = f"/v1/events?limit=1&connection={con}"
        first, cursor = self.poll(None, path)
        self.assertEqual(["imported"], [e["type"] for e in first])
        self.assertEqual(([], cursor), self.poll(cursor, path))
        self.server.expect(200, "POST", f"/v1/connections/{con}/refresh", {"generation": 1})
        self.make(2, "noise")
        second, cursor = self.poll(cursor, path)
        self.assertEqual([("refreshed", 2)], [(e["type"], e["generation"]) for e in second])
        self.assertEqual(([], cursor), self.poll(cursor, path))

    def test_a_feed_without_any_event_yet_begins_at_its_beginning(self):
        items, cursor = self.poll(None, "/v1/events?limit=10&tenant=nobody-yet")
        self.assertEqual([], items)
        self.make(3, "nobody-yet")
        items, _ = self.poll(cursor, "/v1/events?limit=10&tenant=nobody-yet")
        self.assertEqual(1, len(items))


if __name__ == "__main__":
    unittest.main()
