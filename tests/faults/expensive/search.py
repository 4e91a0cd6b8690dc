"""The search: small payloads of every kind; the most expensive per byte are grown."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from tests.faults.expensive.children import Measured
from tests.faults.expensive.growth import KINDS
from tests.faults.expensive.payloads import LARGEST, PIECES, RUN_OF_ONE, Recipe
from tests.faults.expensive.seeds import EVOLUTION, HEADERS, POSTED, STRUCTURED, TEXT, load_seeds

SIZES = (4_000, 64_000, 500_000, LARGEST)
SHARES = (0.86, 0.10, 0.03, 0.01)  # of the payloads, by their size
FIRST = 0.25  # of the payloads: every seed with every gene before any is preferred
BEST = 10  # of a family and size, by CPU and as many by memory
LIMIT_S = 2.0
MOST_GENES = 5
GENES = 2**40
TRACED = 64_000  # bytes: in larger ones memory is traced when they are among the worst
TRACED_SHARE = 0.1
NEW, CHANGED = 0.2, 0.65
WEIGHTS = {POSTED: 2.0, EVOLUTION: 2.0, TEXT: 4.0, STRUCTURED: 0.4}  # of a family; others 1
RUNS_OF_EACH, FIRST_OF_HEADERS = 2, 20
REPORT_EVERY = 1_000
MOST_SUSPECTS = 40


@dataclass(slots=True)
class CostSearch:
    """A search that chooses payloads and keeps the most expensive ones."""

    payloads: int
    random: Random
    families: Mapping[str, list[str]]
    asked: int = 0
    learned: int = 0
    worst: dict[str, Measured] = field(default_factory=dict)
    taken: dict[str, Measured] = field(default_factory=dict)  # the worst that reach a handler
    over: list[Measured] = field(default_factory=list)
    raised: dict[str, Measured] = field(default_factory=dict)
    first_over: dict[str, int] = field(default_factory=dict)
    ends: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    progress: Callable[[str], None] | None = None
    _cpu: dict[tuple[str, int], list[Measured]] = field(default_factory=lambda: defaultdict(list))
    _memory: dict[tuple[str, int], list[Measured]] = field(
        default_factory=lambda: defaultdict(list)
    )
    _weights: list[float] = field(default_factory=list)
    _tried: set[Recipe] = field(default_factory=set)
    _first: list[tuple[str, int]] = field(default_factory=list)

    def get_next(self) -> tuple[Recipe, bool] | None:
        """Return the next recipe and whether memory is traced; None after the last one."""
        if self.asked >= self.payloads:
            return None
        self.asked += 1
        size = self.random.choices(range(len(SIZES)), SHARES)[0]
        recipe = self._draw_larger(size) if size else None
        recipe = recipe or self._draw_small()
        self._tried.add(recipe)
        return recipe, recipe.size <= TRACED and self.random.random() < TRACED_SHARE

    def learn(self, measured: Measured) -> None:
        """Add a measurement."""
        self.learned += 1
        if self.progress and self.learned % REPORT_EVERY == 0:
            self.progress(f"{self.learned:,} payloads; {len(self.over)} over the limit.")
        recipe, cost = measured.recipe, measured.cost
        family, size = recipe.family, _find_size_class(recipe)
        self.ends[cost.end.partition(",")[0]] += 1
        if cost.end.startswith("raises"):
            self.raised.setdefault(f"{family}: {cost.end}", measured)
        if not cost.peak_bytes:
            _keep_worst(self.worst, family, measured)
            if not cost.end.startswith("dead letter") or cost.end == "dead letter: refused":
                _keep_worst(self.taken, family, measured)
        if cost.peak_bytes:
            _insert_sorted(self._memory[family, size], measured, _memory_per_byte)
            return
        if cost.cpu_s > LIMIT_S:
            self.over.append(measured)
            self.first_over.setdefault(family, self.learned)
            return
        _insert_sorted(self._cpu[family, size], measured, _cpu_per_byte)

    def select_worst(self, most: int, *, of_families: bool = True) -> list[Measured]:
        """Return so many of the worst, and the worst of each family in any case."""
        worst = [*self.worst.values(), *self.taken.values()]
        if not of_families:
            return sorted(worst, key=lambda m: -m.cost.cpu_s)[:most]
        found = {m.recipe: m for m in worst}
        largest = [
            m for (_, size), kept in self._cpu.items() if size == len(SIZES) - 1 for m in kept
        ]
        for measured in sorted(largest, key=lambda m: -m.cost.cpu_s)[:most]:
            found[measured.recipe] = measured
        return sorted(found.values(), key=lambda m: -m.cost.cpu_s)

    def list_suspects(self) -> list[Measured]:
        """Return the smallest of each family and seed that were over the limit."""
        found: dict[str, Measured] = {}
        for measured in sorted(self.over, key=lambda m: m.recipe.size):
            found.setdefault(measured.recipe.seed, measured)
        return list(found.values())[:MOST_SUSPECTS]

    def find_most_memory(self, most: int) -> list[Recipe]:
        """Return so many of those that take most memory for their bytes, in their full size."""
        kept = [m for measured in self._memory.values() for m in measured[:2]]
        kept.sort(key=_memory_per_byte, reverse=True)
        found = [Recipe(m.recipe.seed, m.recipe.genes, SIZES[-1]) for m in kept]
        return list(dict.fromkeys(found))[:most]

    def _draw_larger(self, size: int) -> Recipe | None:
        """Grow one of the most expensive that is not grown yet."""
        places = [place for place in (*self._cpu, *self._memory) if place[1] == size - 1]
        self.random.shuffle(places)
        for place in places:
            for measured in _interleave(self._cpu[place], self._memory[place]):
                recipe = Recipe(measured.recipe.seed, measured.recipe.genes, SIZES[size])
                if recipe not in self._tried:
                    return recipe
        return None

    def _draw_small(self) -> Recipe:
        if self._first and self.asked < FIRST * self.payloads:
            seed, kind = self._first.pop()
            gene = kind if seed.startswith(TEXT) else self._draw_gene(kind)
            return Recipe(seed, (gene,), SIZES[0])
        family = self.random.choices(list(self.families), self._weights)[0]
        best = [
            m for n in range(len(SIZES)) for m in (*self._cpu[family, n], *self._memory[family, n])
        ]
        way = self.random.random()
        if not best or way < NEW:
            seed = self.random.choice(self.families[family])
            return Recipe(seed, self._draw_genes(self.random.choice((1, 1, 2, 2, 3))), SIZES[0])
        recipe = self.random.choice(best).recipe
        genes = list(recipe.genes)
        if way < NEW + CHANGED:
            self._change(genes)
        else:
            genes += self.random.choice(best).recipe.genes
        return Recipe(recipe.seed, tuple(genes[:MOST_GENES]), SIZES[0])

    def _change(self, genes: list[int]) -> None:
        place = self.random.randrange(len(genes))
        match self.random.randrange(4):
            case 0:
                genes[place] = self._draw_gene()
            case 1 if len(genes) > 1:
                del genes[place]
            case 2:
                genes[place] = self._draw_gene(genes[place] % len(KINDS))
            case _:
                genes.insert(place, self._draw_gene())

    def _draw_genes(self, count: int) -> tuple[int, ...]:
        return tuple(self._draw_gene() for _ in range(count))

    def _draw_gene(self, kind: int | None = None) -> int:
        gene = self.random.randrange(GENES)
        return gene if kind is None else gene - gene % len(KINDS) + kind


class Repetition:
    """Measures given recipes once more."""

    def __init__(self, recipes: Sequence[Recipe], *, traced: bool = False) -> None:
        self._waiting = list(recipes)
        self._traced = traced
        self.measured: list[Measured] = []

    def get_next(self) -> tuple[Recipe, bool] | None:
        """Return the next recipe; None after the last one."""
        return (self._waiting.pop(0), self._traced) if self._waiting else None

    def learn(self, measured: Measured) -> None:
        """Add a measurement."""
        self.measured.append(measured)


def build_search(payloads: int, seed: str, only: Iterable[str] = ()) -> CostSearch:
    """Return a search over all families, or over those whose names begin with one of `only`."""
    random = Random(seed)
    beginnings = tuple(only) or ("",)
    families: dict[str, list[str]] = defaultdict(list)
    for name, found in load_seeds().items():
        if name.startswith(beginnings):
            families[found.family].append(name)
    made = CostSearch(payloads, random, families)
    made._weights = [_get_weight(family) for family in families]  # noqa: SLF001 - its own maker
    made._first = _list_first(random, families)  # noqa: SLF001 - its own maker
    return made


def _list_runs(random: Random, families: Mapping[str, list[str]]) -> list[tuple[str, int]]:
    """Return a run of every piece of text, as the body of a payload and as that of a record."""
    return [
        (random.choice(names), RUN_OF_ONE * number)
        for family, names in families.items()
        if family.startswith(TEXT)
        for number in range(len(PIECES))
        for _ in range(RUNS_OF_EACH)
    ]


def _list_first(random: Random, families: Mapping[str, list[str]]) -> list[tuple[str, int]]:
    found = [
        (name, kind)
        for names in families.values()
        for name in names
        for kind in range(FIRST_OF_HEADERS if name.startswith(HEADERS) else len(KINDS))
        if not name.startswith(TEXT)
    ]
    found += _list_runs(random, families)
    random.shuffle(found)
    return found


def _get_weight(family: str) -> float:
    return next((w for kind, w in WEIGHTS.items() if family.startswith(kind)), 1.0)


def _find_size_class(recipe: Recipe) -> int:
    return SIZES.index(recipe.size) if recipe.size in SIZES else 0


def _cpu_per_byte(measured: Measured) -> float:
    return measured.cost.cpu_s / max(measured.size, measured.recipe.size // 2)


def _memory_per_byte(measured: Measured) -> float:
    return measured.cost.peak_bytes / max(measured.size, measured.recipe.size // 2)


def _keep_worst(worst: dict[str, Measured], family: str, measured: Measured) -> None:
    if family not in worst or measured.cost.cpu_s > worst[family].cost.cpu_s:
        worst[family] = measured


def _insert_sorted(kept: list[Measured], measured: Measured, score: object) -> None:
    kept.append(measured)
    kept.sort(key=score, reverse=True)  # type: ignore[arg-type]
    del kept[BEST:]


def _interleave(first: list[Measured], second: list[Measured]) -> Iterable[Measured]:
    for n in range(max(len(first), len(second))):
        yield from first[n : n + 1]
        yield from second[n : n + 1]
