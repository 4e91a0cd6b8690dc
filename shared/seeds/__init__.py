"""The rows that a fresh database begins with, under the names that they have always had.

Each seed can be planted by name, and twice is once. Uprooting one removes the rows that it
planted itself, unless rows of others refer to them.
"""

from shared.seeds.catalogue import SEEDS, UnknownSeedError
from shared.seeds.planting import Planted, plant
from shared.seeds.uprooting import InUseError, Uprooted, uproot

__all__ = [
    "SEEDS",
    "InUseError",
    "Planted",
    "UnknownSeedError",
    "Uprooted",
    "plant",
    "uproot",
]
