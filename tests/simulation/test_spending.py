import os

from tests.support.spending import SpendingWorld

SEEDS = int(os.environ.get("BILLFOLD_SPENDING_SEEDS", "12"))
ACTIONS = 120


def test_no_history_shows_an_instance_twice() -> None:
    shown_count = 0
    for seed in range(SEEDS):
        world = SpendingWorld(seed)
        world.run(ACTIONS)
        assert world.twice() == [], f"seed {seed}"
        shown_count += world.shown_count
    assert shown_count > 20 * SEEDS


def test_a_restored_device_that_kept_its_share_would_show_instances_twice() -> None:
    """The simulation finds what the rule is there for; catching up once does not help."""
    worlds = [SpendingWorld(seed, restored_keeps_its_share=True) for seed in range(4)]
    for world in worlds:
        world.run(ACTIONS)
    assert any(world.twice() for world in worlds)
