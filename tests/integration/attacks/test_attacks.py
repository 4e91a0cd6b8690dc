"""While one company sends what is expensive or refused, the others' messages come as ever."""

from statistics import quantiles

import pytest
import pytest_asyncio

from tests.support import attacks
from tests.support.attacks import ATTACKS, Attack
from tests.support.deployment import Deployment

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

MESSAGES, PAUSE_S = 8, 0.25
STRETCHES = 3  # whose best counts: a busy machine has quiet moments, what is held up has none
NOTICED = 3  # times what a message takes when it is quiet
HARDLY_S = 2.0  # on a busy machine a quiet one may take as long; what is held up takes far longer


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def quiet_s(standing: Deployment) -> float:
    """Make the companies, and measure how long a message takes while nobody attacks."""
    await attacks.prepare(standing)
    await attacks.delays(standing, "warm-up", 2, PAUSE_S)
    return p95(await attacks.delays(standing, "quiet", MESSAGES, PAUSE_S))


def p95(delays: list[float]) -> float:
    return quantiles(delays, n=20, method="inclusive")[-1]


@pytest.mark.parametrize("attack", [pytest.param(each, id=each.name) for each in ATTACKS])
async def test_the_other_company_hardly_notices(
    standing: Deployment, quiet_s: float, attack: Attack
) -> None:
    allowed = max(NOTICED * quiet_s, HARDLY_S)
    felt = list[float]()
    for stretch in range(STRETCHES):
        felt.append(p95(await attacked(standing, attack, stretch)))
        if felt[-1] <= allowed:
            return
    pytest.fail(f"p95 of the other company's delays: {felt} s, of which {allowed:.1f} s is allowed")


async def attacked(standing: Deployment, attack: Attack, stretch: int) -> list[float]:
    """Attack, see that the attack has its end, and give the delays of the other's messages."""
    before = await standing.sql('SELECT COALESCE(max(id), 0) AS id FROM "DeadLetters"')
    number = 10 * (STRETCHES * ATTACKS.index(attack) + stretch)
    for repeated in range(attack.times):
        await attacks.launch(standing, attack, number + repeated)
    name = f"{attack.name.replace(' ', '-')}-{stretch}"
    felt = await attacks.delays(standing, name, MESSAGES, PAUSE_S)
    await standing.settled()
    letters = await standing.sql(
        'SELECT reason FROM "DeadLetters" WHERE id > :id', id=before[0]["id"]
    )
    assert [row["reason"] for row in letters] == list(attack.reasons) * attack.times
    return felt
