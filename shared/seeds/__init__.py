"""Seeds: the first rows of a new database, by the names that Whaticket gave them.

Inserting a seed again changes nothing. Removing it deletes the rows that it inserted, unless other
rows reference them.
"""

from shared.seeds.catalogue import SEEDS, UnknownSeedError
from shared.seeds.insertion import InsertedSeed, insert_seeds
from shared.seeds.removal import InUseError, RemovedSeed, remove_seeds

__all__ = [
    "SEEDS",
    "InUseError",
    "InsertedSeed",
    "RemovedSeed",
    "UnknownSeedError",
    "insert_seeds",
    "remove_seeds",
]
