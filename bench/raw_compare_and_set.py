"""Compare-and-sets by themselves, one document a thread: `python -m bench.raw_compare_and_set URI CLIENTS`."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor

from bson import ObjectId
from pymongo import MongoClient

SECONDS = 4.0


def main(uri: str, clients: int) -> float:
    """Return compare-and-sets a second."""
    with MongoClient(uri, w="majority", journal=True) as client:
        collection = client.get_default_database().swaps

        def work(_: int) -> int:
            key, count, end = ObjectId(), 0, time.monotonic() + SECONDS
            collection.insert_one({"_id": key, "generation": 0})
            while time.monotonic() < end:
                assert collection.find_one_and_update({"_id": key, "generation": count}, {"$inc": {"generation": 1}})
                count += 1
            return count

        with ThreadPoolExecutor(clients) as pool:
            return sum(pool.map(work, range(clients))) / SECONDS


if __name__ == "__main__":
    print(main(sys.argv[1], int(sys.argv[2])))
